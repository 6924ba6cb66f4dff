"""The requests that are measured."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from proof import oracle
from proof.policy_in_force import POLICY

ROOT = Path(__file__).resolve().parents[1]
Request = dict[str, Any]

# What the table calls the example of each request type.
NAMES = {
    "pt_referral": "referral",
    "pediatric_ot_claim": "OT claim",
    "pt_extension": "extension",
    "pt_treatment_plan": "plan of care",
    "pt_continuation": "continuation",
    "referral_route": "referral route",
}


def cases() -> dict[str, Request]:
    """One request of each type, and for visits an approved and a denied one, by the names in the table."""
    requests = {"approved visit": visit(treatments_left=1), "denied visit": visit(treatments_left=0)}
    for name, outcome in (("approved visit", "authorized"), ("denied visit", "denied")):
        assert oracle.decide(requests[name])["outcome"] == outcome
    return requests | {name: example(request_type) for request_type, name in NAMES.items()}


def example(request_type: str) -> Request:
    request: Request = json.loads((ROOT / f"examples/{request_type}.json").read_text(encoding="utf-8"))
    return request


def visit(treatments_left: int) -> Request:
    """The example of a visit, when so many of the treatment visits that its referral starts with are left."""
    request = example("pt_visit")
    initial = oracle.visits_of_tier(request, request["tier"], POLICY)
    prior = {"evaluation": initial["evaluation"], "treatment": initial["treatment"] - treatments_left}
    number = sum(prior.values()) + 1
    return request | {
        "prior_visits": prior,
        "visit": request["visit"] | {"number": number},
        "progress_note_number": number,
    }


def different(request: Request, count: int) -> list[Request]:
    """Requests like one, each with its own id, and with the dates of a year."""
    date = next((name for name in request if name in ("service_date", "referral_date", "request_date")), None)
    requests = []
    for index in range(count):
        one = request | {"request_id": f"bench-{index}"}
        if date:
            one[date] = str(datetime.date(2026, 1, 1) + datetime.timedelta(days=index % 365))
        requests.append(one)
    return requests
