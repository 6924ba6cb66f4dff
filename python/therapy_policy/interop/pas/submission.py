"""What a Bundle asks, and what only the plan knows about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from therapy_policy.interop.fhir import Element, Json
from therapy_policy.interop.pas.bundle import RequestBundle, Resource
from therapy_policy.interop.pas.codes import Discipline


@dataclass(frozen=True)
class PlanFacts:
    """What only the plan knows about a request. None is not known, and the request pends where it matters.

    `pediatric` is whether occupational therapy is pediatric. `units_already_authorized` is of the same visit, in units
    of 15 minutes, and `authorization_number` the number that the answer has if something is authorized.
    """

    benefit_status: Literal["covered", "not_covered", "unverified"] | None = None
    medical_necessity: Literal["established", "not_established", "undetermined"] | None = None
    pediatric: bool | None = None
    units_already_authorized: int | None = None
    authorization_number: str | None = None


NOTHING_KNOWN = PlanFacts()


@dataclass(frozen=True)
class Pend:
    """Why a request waits without a decision, with the X12 886 reason."""

    review_reason: str
    text: str
    loinc: str | None = None


@dataclass(frozen=True)
class Item:
    """An item of the Claim that is asked about."""

    content: Element
    sequence: int
    repeated: Sequence[Json] = ()  # the extensions that the answer repeats


@dataclass(frozen=True)
class Submission:
    """What a Bundle asks. Either `request` is the request to decide, or `pends` says why it waits without one."""

    bundle: RequestBundle
    identity: str  # the whole Bundle as text, from which the identifiers of the answer are made
    patient: Resource
    discipline: Discipline
    items: list[Item]
    request: Json | None
    pends: Sequence[Pend]
    expedited: bool
    authorization_number: str | None
