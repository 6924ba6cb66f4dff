"""The state of a policy in a few lines for the first page: what it is, what is proven and signed, what changed last.

Each line leads to the page that says more. What the records or the figures do not have is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.digest import REVISION_DIGITS
from therapy_policy.policy.sign_offs import Point
from therapy_policy.policy.source_checks import SourceCheck
from therapy_policy.review.differences import Names
from therapy_policy.review.figures import Figures, Proof
from therapy_policy.review.versions import Version, Versions
from therapy_policy.wording import count_of

NO_RECORDS = "This site was made from a bundle alone, without the records beside the policy."

NO_SIGNATURES = f"Signatures are not known. {NO_RECORDS}"
STATES = {"signed": "Signed", "open": "Open", "stale": "Stale", "to_change": "To change"}

Mood = Literal["good", "wait", "bad", ""]


@dataclass(frozen=True)
class Line:
    """One line of the status."""

    label: str
    value: str
    detail: str
    address: str  # of the page that says more
    mood: Mood = ""


def status(
    bundle: Bundle,
    versions: Versions,
    figures: Figures,
    points: Mapping[str, Point],
    release: Point,
    source_check: SourceCheck | None,
    names: Names,
) -> list[Line]:
    """Return the lines, the most important first; `points` has the interpretations."""
    return [
        _version(bundle, versions),
        _proof(bundle.digest, figures.proof, figures.classes_digest),
        *_signed(points, release, known=versions.known),
        _source(source_check, known=versions.known),
        _last_change(versions, names),
    ]


def _version(bundle: Bundle, versions: Versions) -> Line:
    address: str = "versions.html"
    mood: Mood = "wait"
    newest, this = versions.newest, versions.this
    if this:
        address, detail = this.address, f"Accepted on {this.release.accepted_on}; in force: {this.in_force.dates}."
        if newest is this:
            mood = "good"
        elif newest:
            detail += f" The newest release is {newest.release.version}."
    elif newest:
        detail = f"Not accepted as a release. The newest release is {newest.release.version}."
    elif versions.known:
        detail = "Nobody has accepted a release."
    else:
        detail = f"Since when is not known. {NO_RECORDS}"
    return Line("Policy", f"Version {bundle.version}", detail, address, mood)


def _proof(digest: str, proof: Proof, classes_digest: str) -> Line:
    if proof.policy_digest == digest:
        parts = "; ".join(f"{part.name} on {part.date}" for part in proof.parts)
        detail = f"For the rules and numbers with the digest {digest[:REVISION_DIGITS]}, with OPA {proof.opa}: {parts}."
        return Line("Proof", "Proven", detail, "proof.html", "good")
    detail = (
        f"The last full proof, of {proof.date}, is of version {proof.policy_version}. The rules and numbers that it "
        f"proved have the digest {proof.policy_digest[:REVISION_DIGITS]}; these have {digest[:REVISION_DIGITS]}."
    )
    if classes_digest == digest:
        detail += " The request classes were decided for this version."
    return Line("Proof", "Not proven for this version", detail, "proof.html", "bad")


def _signed(points: Mapping[str, Point], release: Point, *, known: bool) -> Iterator[Line]:
    number = Counter[str](point.state for point in points.values())
    shown = [state for state in STATES if number[state] or state != "to_change"]
    yield Line(
        "Interpretations",
        ", ".join(f"{number[state]} {STATES[state].lower()}" for state in shown),
        f"Of {count_of(len(points), 'choice')} where the source is silent." if known else NO_SIGNATURES,
        "interpretations.html",
        "good" if number["signed"] == len(points) else "wait",
    )
    sentence = release.in_words[:1].upper() + release.in_words[1:]
    yield Line(
        "Signature of the release",
        STATES[release.state],
        f"{sentence}." if known else NO_SIGNATURES,
        "index.html#sign",
        "good" if release.state == "signed" else "wait",
    )


def _source(check: SourceCheck | None, *, known: bool) -> Line:
    label, address = "Source page", "clauses.html"
    if check:
        detail = f"By {check.by}: {check.result} (policy {check.policy})."
        return Line(
            label, f"Checked on {check.date}", detail, address, "good" if check.result == "unchanged" else "wait"
        )
    if known:
        detail = "Nobody has recorded that the page still says what the policy takes from it."
        return Line(label, "No check recorded", detail, address, "wait")
    return Line(label, "Last check not known", NO_RECORDS, address, "wait")


def _last_change(versions: Versions, names: Names) -> Line:
    last = versions.this or versions.newest
    if last is None:
        detail = "No release is recorded." if versions.known else NO_RECORDS
        return Line("Last change", "Not known", detail, "versions.html", "wait")
    detail = f"Version {last.release.version}, {last.release.accepted_on}."
    if last.differences.flips:
        return Line("Last change", "Decisions changed", f"{detail} {flips_in_words(last, names)}", last.address)
    earlier = versions.all[: versions.all.index(last)]
    if deciding := next((each for each in reversed(earlier) if each.differences.flips), None):
        version = deciding.release.version
        detail += f" The last version that changed decisions is {version}: {flips_in_words(deciding, names)}"
    value = "The first release" if last.release.previous is None else "No decision changed"
    return Line("Last change", value, detail, last.address)


def flips_in_words(version: Version, names: Names) -> str:
    """Return how many classes of requests a release decides differently, by request type, as a sentence."""
    flips = version.release.flips
    classes = Counter[str]()
    for flip in flips:
        if flip["found_by"] == "classes":
            classes[flip["request_type"]] += flip["count"]
    others = dict.fromkeys(flip["request_type"] for flip in flips if flip["request_type"] not in classes)
    parts = [
        f"{count_of(number, 'class', 'classes')} of {names.type_in_words(kind)}" for kind, number in classes.items()
    ]
    parts += [f"some requests of {names.type_in_words(kind)}" for kind in others]
    return f"{_listed(parts)} decided differently." if parts else "some decisions differ."


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
