"""`make classes`: decides every class of requests that the rules can tell apart, and writes docs/classes.md.

What the classes are is in python/therapy_policy/classes/. Each is decided by the embedded engine, by a smallest
request and by another one of the same class, and held against what must hold of a decision. Request types that are
done are kept in build/classes, so that a run that was stopped goes on with the next one. No report is written while
anything is wrong; then the first of it is printed on standard error, and the status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from proof import classes_report, judged, oracle
from proof.judged import Decision
from proof.request_types import REQUEST_TYPES
from therapy_policy import EmbeddedClient
from therapy_policy.classes.dimensions import Request, Value
from therapy_policy.classes.enumeration import Piece, decide_each, decide_one, pieces, progress, stride, workers
from therapy_policy.classes.model import Class, RequestType
from therapy_policy.policy.bundles import packaged_bundle

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs/classes.md"
RESULTS = ROOT / "proof/results/classes.json"
STATE = ROOT / "build/classes"
DRAWN, DRAWN_QUICKLY = 20_000, 500  # classes drawn from the whole product of a type that is not enumerated whole
EXAMPLES = 5  # of what is wrong that are printed, of each request type

PROBLEMS = {
    "undecided": "left undecided",
    "contradictory": "decided in contradiction to themselves",
    "differences": "decided otherwise by the oracle",
    "unfaithful": "decided otherwise for another request of the class",
    "uncomposed": "decided otherwise than their parts come to",
}


@dataclass
class Tally:
    """What was counted. All of it can be added up, in any order."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.counts.update(other.counts)
        self.examples = sorted([*self.examples, *other.examples])[:EXAMPLES]


Figures = dict[str, Tally]  # of each request type


# --- Deciding classes ------------------------------------------------------------------------------------------------


@cache
def engine() -> EmbeddedClient:
    return EmbeddedClient()


@cache
def decided_part(request_type: str, cls: Class) -> Decision | None:
    return decide_one(engine(), REQUEST_TYPES[request_type].write(cls))


def tally_of(piece: Piece) -> Tally:
    """Decides the classes of a piece."""
    kind, tally = REQUEST_TYPES[piece.request_type], Tally()
    choose = random.Random(str(piece)).choice
    if piece.block is None:
        classes = [kind.draw(choose) for _ in piece.numbers]
        every = 0
    else:
        block = kind.blocks[piece.block]
        classes = [block.class_at(number) for number in piece.numbers]
        every = stride(block.size)
    smallest = [kind.write(cls) for cls in classes]
    others = [kind.write(cls, choose) for cls in classes]
    decisions, other_decisions = decide_each(engine(), smallest), decide_each(engine(), others)
    for number, cls, request, decision, other in zip(
        piece.numbers, classes, smallest, decisions, other_decisions, strict=True
    ):
        wrong = dict(problems(kind, cls, request, decision, other))
        tally.counts.update(wrong.keys())
        tally.examples += [
            f"{kind.name}: {PROBLEMS[name]}: {sentence}: {json.dumps(request)}" for name, sentence in wrong.items()
        ]
        if every:
            count(tally.counts, kind, cls, decision)
            if number % every == 0:
                tally.counts["slice"] += 1
                tally.counts["fingerprint"] += fingerprint(piece.block, number, decision)
        else:
            tally.counts["drawn"] += 1
    tally.examples = tally.examples[:EXAMPLES]
    return tally


def problems(
    kind: RequestType, cls: Class, request: Request, decision: Decision | None, other: Decision | None
) -> Iterator[tuple[str, str]]:
    """What is wrong with the decisions on two requests of a class, the smallest and another."""
    if decision is None or other is None:
        yield "undecided", "the engine has no answer"
        return
    if found := list(judged.gaps(decision)):
        yield "undecided", "; ".join(found)
    if found := list(judged.contradictions(decision)):
        yield "contradictory", "; ".join(found)
    if judged.without_prose(decision) != oracle.decide(request):
        yield "differences", "the oracle differs"
    if judged.normal(decision) != judged.normal(other):
        yield "unfaithful", "another request of the class differs"
    if kind.factored:
        parts = [decided_part(kind.name, part) for part in kind.parts(cls)]
        if None in parts or judged.whole(decision) != judged.composed([part for part in parts if part]):
            yield "uncomposed", "the parts come to something else"


def count(counts: Counter[str], kind: RequestType, cls: Class, decision: Decision | None) -> None:
    counts["classes"] += 1
    if decision is None:
        return
    counts[f"outcome {decision['outcome']}"] += 1
    counts[f"decides {decision['outcome']} {judged.deciding(decision)}"] += 1
    counts.update(f"shows {code}" for code in {reason["code"] for reason in decision["reasons"]})
    counts.update(f"rests on {name}" for name in {reason["interpretation"] for reason in decision["reasons"]} - {None})
    if not decision["reasons"]:
        counts[f"silent {decision['outcome']}"] += 1
        for place, (dimension, value) in enumerate(zip(kind.dimensions, cls, strict=True)):
            if len(dimension.values) <= FEW:
                counts[f"silent in {place} {value}"] += 1


def fingerprint(block: int | None, number: int, decision: Decision | None) -> int:
    text = repr((block, number, decision and judged.normal(decision)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


# --- Values that no rule tells apart ---------------------------------------------------------------------------------

FEW = 20  # values of a dimension that is looked at value by value


def told_apart(kind: RequestType) -> dict[str, int]:
    """Of each dimension of few values: how many of them the decisions on some classes tell apart.

    The classes that are compared differ in that dimension alone, and from the quiet class in one other at most.
    """
    found = {}
    for place, dimension in enumerate(kind.dimensions):
        if len(dimension.values) > FEW:
            continue
        alike: list[list[Value]] = [list(dimension.values)]
        for context in contexts(kind, place):
            if all(len(values) == 1 for values in alike):
                break
            alike = [finer for values in alike for finer in divided(kind, place, context, values)]
        found[dimension.name] = len(alike)
    return found


def divided(kind: RequestType, place: int, context: Class, values: list[Value]) -> list[list[Value]]:
    """The values by the decision that each gets in a context."""
    requests = [kind.write((*context[:place], value, *context[place + 1 :])) for value in values]
    by_decision: dict[Value, list[Value]] = {}
    for value, decision in zip(values, decide_each(engine(), requests), strict=True):
        by_decision.setdefault(decision and judged.normal(decision), []).append(value)
    return list(by_decision.values())


def contexts(kind: RequestType, place: int) -> Iterator[Class]:
    yield kind.quiet
    for other, dimension in enumerate(kind.dimensions):
        if other != place and len(dimension.values) <= FEW:
            for value in dimension.values[1:]:
                yield (*kind.quiet[:other], value, *kind.quiet[other + 1 :])


# --- The run ---------------------------------------------------------------------------------------------------------


def key(quick: bool) -> str:
    """What the figures rest on: the compiled policy, what asks it, the oracle, the classes, this command."""
    digest = hashlib.sha256(f"{quick} {metadata.version('opa-py-wasm')} {sys.version}".encode())
    package, proof = ROOT / "python/therapy_policy", ROOT / "proof"
    policy = sorted((package / "policy/packaged").iterdir())
    model = sorted((package / "classes").glob("*.py"))
    client = [package / f"client/{name}.py" for name in ("decision", "embedded", "request_text")]
    compared_with = [proof / f"{name}.py" for name in ("oracle", "judged", "request_types", "classes")]
    for path in [*policy, *model, *client, *compared_with]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def figures(quick: bool, processes: int, state: Path = STATE) -> Figures:
    """Decides the classes of every request type; those that `state` has already are not decided again."""
    found, rests_on = {}, key(quick)
    with workers(processes, tally_of) as work, progress() as tell:
        for name, kind in REQUEST_TYPES.items():
            kept = state / f"{name}{'.quick' if quick else ''}.json"
            if (tally := read_state(kept, rests_on)) is None:
                tally = Tally()
                drawn = DRAWN_QUICKLY if quick else DRAWN
                todo = list(pieces(kind, quick, drawn if kind.factored else 0))
                for done, part in enumerate(work(todo), start=1):
                    tally.add(part)
                    tell(name, done, len(todo))
                write_state(kept, rests_on, tally)
            else:
                print(f"{name}: done already", file=sys.stderr)
            found[name] = tally
    return found


def read_state(path: Path, rests_on: str) -> Tally | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Tally(Counter(kept["counts"]), kept["examples"]) if kept["key"] == rests_on else None


def write_state(path: Path, rests_on: str, tally: Tally) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"key": rests_on, "counts": tally.counts, "examples": tally.examples}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(kept), encoding="utf-8")
    os.replace(partial, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="decide small types whole and a fixed slice of the others")
    parser.add_argument("--check", action="store_true", help="as --quick, and fail if docs/classes.md is not fresh")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file as well")
    options = parser.parse_args()
    quick = options.quick or options.check
    try:
        found = figures(quick, os.cpu_count() or 1)
    except KeyboardInterrupt:
        print("\nstopped; the request types that are done are kept, run it again to go on", file=sys.stderr)
        return 130
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(summary(found), indent=1) + "\n", encoding="utf-8")
    for name, tally in found.items():
        print(f"{name}: {said(tally)}")
        for example in tally.examples:
            print(f"error: {example}", file=sys.stderr)
    if any(tally.counts[problem] for tally in found.values() for problem in PROBLEMS):
        return 1
    if options.check and (stale := not_in(REPORT, found)):
        print(f"error: {REPORT.name} is not fresh ({stale}); run `make classes` and commit it", file=sys.stderr)
        return 1
    if not quick:
        REPORT.write_text(report(found), encoding="utf-8")
        RESULTS.write_text(json.dumps(results(found), indent=1) + "\n", encoding="utf-8")
        print(f"wrote {REPORT.relative_to(ROOT)} and {RESULTS.relative_to(ROOT)}", file=sys.stderr)
    return 0


def said(tally: Tally) -> str:
    counts = tally.counts
    drawn = f" and {counts['drawn']:,} drawn ones" if counts["drawn"] else ""
    wrong = ", ".join(f"{counts[problem]:,} {words}" for problem, words in PROBLEMS.items())
    return f"{counts['classes']:,} classes{drawn}: {wrong}"


def summary(found: Figures) -> dict[str, Any]:
    def of(tallies: list[Tally]) -> dict[str, int]:
        return {name: sum(tally.counts[name] for tally in tallies) for name in ("classes", "drawn", *PROBLEMS)}

    def showing(word: str) -> dict[str, int]:
        together = sum((tally.counts for tally in found.values()), Counter[str]())
        return {name.removeprefix(word): count for name, count in sorted(together.items()) if name.startswith(word)}

    return of(list(found.values())) | {
        "request_types": {name: of([tally]) for name, tally in found.items()},
        "codes": showing("shows "),
        "interpretations": showing("rests on "),
    }


def results(found: Figures) -> dict[str, Any]:
    """What the review shows of the classes: how many each reason code decides, and how many show an interpretation."""
    bundle = packaged_bundle()
    return {
        "policy_version": bundle.version,
        "bundle_sha256": hashlib.sha256(bundle.archive).hexdigest(),
        "request_types": {
            name: {
                "classes": tally.counts["classes"],
                "decided_by": [
                    {"outcome": outcome, "code": code if code in oracle.REASONS else None, "classes": count}
                    for outcome, code, count in classes_report.deciding_codes(tally.counts)
                ],
            }
            for name, tally in found.items()
        },
        "interpretations": dict(classes_report.interpretations(counts_of(found))),
    }


def report(found: Figures) -> str:
    return classes_report.report(counts_of(found), apart(), list(PROBLEMS))


def not_in(path: Path, found: Figures) -> str | None:
    """What the committed report says otherwise than a quick run, if anything."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return classes_report.stale(text, counts_of(found), apart())


def counts_of(found: Figures) -> dict[str, Counter[str]]:
    return {name: tally.counts for name, tally in found.items()}


def apart() -> dict[str, dict[str, int]]:
    return {name: told_apart(kind) for name, kind in REQUEST_TYPES.items()}


if __name__ == "__main__":
    raise SystemExit(main())
