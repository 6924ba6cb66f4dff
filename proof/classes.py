"""`make classes`: evaluates every class of requests that the rules can distinguish, and writes docs/classes.md.

python/therapy_policy/classes/ defines the classes. The embedded engine decides two requests of each class, the
smallest one and another one, and the decisions are checked. build/classes keeps the results of each finished request
type, so that an interrupted run resumes with the next one. If there are problems, the first ones are printed on
standard error, no report is written, and the status is 1.
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

from proof import answers as proof_of_answers
from proof import classes_report, comparison, oracle
from proof.comparison import Decision
from proof.request_types import REQUEST_TYPES
from therapy_policy import EmbeddedClient
from therapy_policy.classes.dimensions import Request, Value
from therapy_policy.classes.enumeration import (
    Piece,
    class_progress,
    decide_each,
    each_or_none,
    one_or_none,
    pieces,
    stride,
    workers,
)
from therapy_policy.classes.model import RequestClass, RequestType
from therapy_policy.policy.bundles import packaged_bundle

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "docs/classes.md"
RESULTS = ROOT / "proof/results/classes.json"
STATE = ROOT / "build/classes"
RANDOM_CLASSES, RANDOM_CLASSES_QUICK = 20_000, 500  # from the whole product of a type that is not fully enumerated
EXAMPLES = 5  # problems to print, for each request type
# The modules of this package that a result depends on. classes_report only writes what was found.
PROOF_CODE = ("answers", "classes", "comparison", "oracle", "policy_in_force", "request_types")

PROBLEMS = {
    "undecided": "left undecided",
    "contradictory": "with contradictory decisions",
    "differences": "decided differently by the oracle",
    "inconsistent": "inconsistent within the class",
    "not_combined": "not the combination of their parts",
    "answers": "with a wrong standard answer",
}


@dataclass
class Tally:
    """Counts and examples. Tallies can be added in any order."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.counts.update(other.counts)
        self.examples = sorted([*self.examples, *other.examples])[:EXAMPLES]


Tallies = dict[str, Tally]  # by request type


# --- Deciding classes ------------------------------------------------------------------------------------------------


@cache
def engine() -> EmbeddedClient:
    return EmbeddedClient()


@cache
def decision_on_part(request_type: str, cls: RequestClass) -> Decision | None:
    return one_or_none(engine().decide, REQUEST_TYPES[request_type].write(cls))


def tally_of(piece: Piece) -> Tally:
    """Decide the classes of a piece and count the results."""
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
    answers = each_or_none(engine().answers, engine().answer, smallest)
    other_decisions = decide_each(engine(), others)
    for number, cls, request, answered, other in zip(
        piece.numbers, classes, smallest, answers, other_decisions, strict=True
    ):
        decision = answered and answered["decision"]
        problems_found = dict(problems(kind, cls, request, decision, other))
        if answered and (wrong := list(proof_of_answers.problems(request, answered["decision"], answered["answer"]))):
            problems_found["answers"] = "; ".join(wrong)
        tally.counts.update(problems_found.keys())
        tally.examples += [
            f"{kind.name}: {PROBLEMS[name]}: {sentence}: {json.dumps(request)}"
            for name, sentence in problems_found.items()
        ]
        if every:
            count(tally.counts, kind, cls, decision)
            if number % every == 0:
                tally.counts["slice"] += 1
                tally.counts["fingerprint"] += fingerprint(piece.block, number, decision)
        else:
            tally.counts["random"] += 1
    tally.examples = tally.examples[:EXAMPLES]
    return tally


def problems(
    kind: RequestType, cls: RequestClass, request: Request, decision: Decision | None, other: Decision | None
) -> Iterator[tuple[str, str]]:
    """The problems with the decisions on two requests of a class, the smallest and another."""
    if decision is None or other is None:
        yield "undecided", "the engine returns no decision"
        return
    if gaps := list(comparison.gaps(decision)):
        yield "undecided", "; ".join(gaps)
    if contradictions := list(comparison.contradictions(decision)):
        yield "contradictory", "; ".join(contradictions)
    if comparison.without_wording(decision) != oracle.decide(request):
        yield "differences", "the oracle decides differently"
    if comparison.comparable(decision) != comparison.comparable(other):
        yield "inconsistent", "another request of the class gets another decision"
    if kind.factored:
        parts = [decision_on_part(kind.name, part) for part in kind.parts(cls)]
        if None in parts or comparison.summary(decision) != comparison.combine([part for part in parts if part]):
            yield "not_combined", "the parts lead to another decision"


def count(counts: Counter[str], kind: RequestType, cls: RequestClass, decision: Decision | None) -> None:
    counts["classes"] += 1
    if decision is None:
        return
    counts[f"outcome {decision['outcome']}"] += 1
    counts[f"decides {decision['outcome']} {comparison.deciding_code(decision)}"] += 1
    counts.update(f"shows {code}" for code in {reason["code"] for reason in decision["reasons"]})
    counts.update(f"cites {name}" for name in {reason["interpretation"] for reason in decision["reasons"]} - {None})
    if not decision["reasons"]:
        counts[f"no reason {decision['outcome']}"] += 1
        for place, (dimension, value) in enumerate(zip(kind.dimensions, cls, strict=True)):
            if len(dimension.values) <= FEW:
                counts[f"no reason in {place} {value}"] += 1


def fingerprint(block: int | None, number: int, decision: Decision | None) -> int:
    text = repr((block, number, decision and comparison.comparable(decision)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


# --- Values that no rule distinguishes -------------------------------------------------------------------------------

FEW = 20  # a dimension with more values is not compared value by value


def distinct_values(kind: RequestType) -> dict[str, int]:
    """How many values of each dimension lead to different decisions; dimensions with many values are left out.

    It compares classes that differ only in that dimension, and from the baseline class in at most one other.
    """
    distinct = {}
    for place, dimension in enumerate(kind.dimensions):
        if len(dimension.values) > FEW:
            continue
        same_decision: list[list[Value]] = [list(dimension.values)]
        for context in contexts(kind, place):
            if all(len(values) == 1 for values in same_decision):
                break
            same_decision = [
                smaller for values in same_decision for smaller in split_by_decision(kind, place, context, values)
            ]
        distinct[dimension.name] = len(same_decision)
    return distinct


def split_by_decision(kind: RequestType, place: int, context: RequestClass, values: list[Value]) -> list[list[Value]]:
    """The values in groups that get the same decision in a context."""
    requests = [kind.write((*context[:place], value, *context[place + 1 :])) for value in values]
    by_decision: dict[Value, list[Value]] = {}
    for value, decision in zip(values, decide_each(engine(), requests), strict=True):
        by_decision.setdefault(decision and comparison.comparable(decision), []).append(value)
    return list(by_decision.values())


def contexts(kind: RequestType, place: int) -> Iterator[RequestClass]:
    yield kind.baseline
    for other, dimension in enumerate(kind.dimensions):
        if other != place and len(dimension.values) <= FEW:
            for value in dimension.values[1:]:
                yield (*kind.baseline[:other], value, *kind.baseline[other + 1 :])


# --- The run ---------------------------------------------------------------------------------------------------------


def key(quick: bool) -> str:
    """A digest of all that the results depend on: compiled policy, client, oracle, classes, this command."""
    digest = hashlib.sha256(f"{quick} {metadata.version('opa-py-wasm')} {sys.version}".encode())
    package, proof = ROOT / "python/therapy_policy", ROOT / "proof"
    policy = sorted(path for path in (package / "policy/packaged").iterdir() if path.is_file())
    model = sorted((package / "classes").glob("*.py"))
    client = [package / f"client/{name}.py" for name in ("decision", "embedded", "request_text")]
    proof_code = [proof / f"{name}.py" for name in PROOF_CODE]
    for path in [*policy, *model, *client, *proof_code]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def enumerate_classes(quick: bool, processes: int, state: Path = STATE) -> Tallies:
    """Decide the classes of every request type, except those with results in `state` already."""
    tallies, digest = {}, key(quick)
    with workers(processes, tally_of) as work, class_progress() as report_progress:
        for name, kind in REQUEST_TYPES.items():
            path = state / f"{name}{'.quick' if quick else ''}.json"
            if (tally := read_state(path, digest)) is None:
                tally = Tally()
                random_classes = RANDOM_CLASSES_QUICK if quick else RANDOM_CLASSES
                todo = list(pieces(name, kind.blocks, random_classes if kind.factored else 0, quick=quick))
                for done, part in enumerate(work(todo), start=1):
                    tally.add(part)
                    report_progress(name, done, len(todo))
                write_state(path, digest, tally)
            else:
                print(f"{name}: done already", file=sys.stderr)
            tallies[name] = tally
    return tallies


def read_state(path: Path, digest: str) -> Tally | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return Tally(Counter(content["counts"]), content["examples"]) if content["key"] == digest else None


def write_state(path: Path, digest: str, tally: Tally) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"key": digest, "counts": tally.counts, "examples": tally.examples}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content), encoding="utf-8")
    os.replace(partial, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="decide a fixed slice of the classes; small types whole")
    parser.add_argument("--check", action="store_true", help="like --quick; fail if docs/classes.md is out of date")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the counts to a file")
    options = parser.parse_args()
    quick = options.quick or options.check
    try:
        tallies = enumerate_classes(quick, os.cpu_count() or 1)
    except KeyboardInterrupt:
        print("\nstopped; run it again to resume, the finished request types are kept", file=sys.stderr)
        return 130
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(summary(tallies), indent=1) + "\n", encoding="utf-8")
    for name, tally in tallies.items():
        print(f"{name}: {summary_line(tally)}")
        for example in tally.examples:
            print(f"error: {example}", file=sys.stderr)
    if any(tally.counts[problem] for tally in tallies.values() for problem in PROBLEMS):
        return 1
    if options.check and (stale := out_of_date(REPORT, tallies)):
        print(f"error: {REPORT.name} is out of date ({stale}); run `make classes` and commit it", file=sys.stderr)
        return 1
    if not quick:
        REPORT.write_text(report(tallies), encoding="utf-8")
        RESULTS.write_text(json.dumps(results(tallies), indent=1) + "\n", encoding="utf-8")
        print(f"wrote {REPORT.relative_to(ROOT)} and {RESULTS.relative_to(ROOT)}", file=sys.stderr)
    return 0


def summary_line(tally: Tally) -> str:
    counts = tally.counts
    random_classes = f" and {counts['random']:,} random ones" if counts["random"] else ""
    problem_counts = ", ".join(f"{counts[problem]:,} {words}" for problem, words in PROBLEMS.items())
    return f"{counts['classes']:,} classes{random_classes}: {problem_counts}"


def summary(tallies: Tallies) -> dict[str, Any]:
    def totals(of: list[Tally]) -> dict[str, int]:
        return {name: sum(tally.counts[name] for tally in of) for name in ("classes", "random", *PROBLEMS)}

    def counts_with(word: str) -> dict[str, int]:
        together = sum((tally.counts for tally in tallies.values()), Counter[str]())
        return {name.removeprefix(word): count for name, count in sorted(together.items()) if name.startswith(word)}

    return totals(list(tallies.values())) | {
        "request_types": {name: totals([tally]) for name, tally in tallies.items()},
        "codes": counts_with("shows "),
        "interpretations": counts_with("cites "),
    }


def results(tallies: Tallies) -> dict[str, Any]:
    """The counts for the review: how many classes each reason code decides, and how many cite each interpretation."""
    bundle = packaged_bundle()
    return {
        "policy_version": bundle.version,
        "policy_digest": bundle.digest,
        "request_types": {
            name: {
                "classes": tally.counts["classes"],
                "decided_by": [
                    {"outcome": outcome, "code": code if code in oracle.REASONS else None, "classes": count}
                    for outcome, code, count in classes_report.deciding_codes(tally.counts)
                ],
            }
            for name, tally in tallies.items()
        },
        "interpretations": dict(classes_report.interpretations(counts_of(tallies))),
    }


def report(tallies: Tallies) -> str:
    bundle = packaged_bundle()
    return classes_report.report(
        counts_of(tallies), all_distinct_values(), list(PROBLEMS), bundle.version, bundle.digest
    )


def out_of_date(path: Path, tallies: Tallies) -> str | None:
    """The part of the committed report that a quick run contradicts, if any."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return classes_report.stale(text, counts_of(tallies), all_distinct_values())


def counts_of(tallies: Tallies) -> dict[str, Counter[str]]:
    return {name: tally.counts for name, tally in tallies.items()}


def all_distinct_values() -> dict[str, dict[str, int]]:
    return {name: distinct_values(kind) for name, kind in REQUEST_TYPES.items()}


if __name__ == "__main__":
    raise SystemExit(main())
