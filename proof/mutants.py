"""`make mutants`: changes the policy in one place at a time, and lists the changes that no test notices.

Each mutant of the hand-written Rego, of the parameters and of the reason codes is first held against the Rego unit
tests alone, then against a fixed corpus of requests and the lints of the registers. Those that survive all of them are
listed with their diff, unless proof/equivalent_mutants.yaml says why nothing can tell them apart. Results are
kept as they come: a run that was stopped goes on where it was. Progress on standard error, the report on standard
output; exit 1 if a mutant survives, 2 if there is nothing to measure against.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.syntax import Syntax
from rich.table import Table

from proof.mutation import corpus, data, killers, rego
from proof.mutation.killers import POLICIES, ROOT, Workplace
from proof.mutation.mutant import Mutant, Vocabularies
from therapy_policy.toolchain.opa import find_opa
from tools.rego_tests import GENERATED

EQUIVALENTS = ROOT / "proof/equivalent_mutants.yaml"
EXAMPLES = 800  # drawn for the corpus, of valid requests and of nearly valid ones each
REGO_TESTS, SUITE = "Rego tests", "suite"
STILLBORN, SURVIVED = "stillborn", "survived"
COLUMNS = ("made", STILLBORN, f"killed by {REGO_TESTS}", f"killed by {SUITE}", "equivalent", "surviving")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="FILE", help="mutants of this file of policies/ alone")
    parser.add_argument("--sample", type=int, metavar="N", help="a random sample of N mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N mutants")
    parser.add_argument("--state", type=Path, default=ROOT / "build/mutants.jsonl", help="where results are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary there")
    asked = parser.parse_args()
    opa = find_opa()
    mutants = selected(all_mutants(opa), asked.only, asked.sample, asked.seed, asked.limit)
    if not mutants:
        print(f"There is no mutant to make; --only takes one of: {', '.join(mutable_files())}", file=sys.stderr)
        return 2
    try:
        verdicts = Run(opa, Results(asked.state)).verdicts(mutants)
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"Stopped. Run it again to go on; what is known so far is in {asked.state}.", file=sys.stderr)
        return 130
    whole = len(mutants) == len(all_mutants(opa))
    report = Report(verdicts, list_of_equivalents(), whole)
    report.show(Console())
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report.summary(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if report.surviving or report.stale else 0


# --- What is mutated -------------------------------------------------------------------------------------------------


def mutable_files() -> list[str]:
    """Hand-written Rego, the parameters and the reason codes, relative to policies/."""
    pages = [str(path.relative_to(POLICIES)) for path in POLICIES.rglob("*.rego") if not path.stem.endswith("_test")]
    return [*sorted(set(pages) - GENERATED), *DATA]


DATA: dict[str, Callable[[str, str, Vocabularies], list[Mutant]]] = {
    "therapy/parameters/data.yaml": data.mutants_of_parameters,
    "therapy/register/reason_codes/data.yaml": data.mutants_of_reason_codes,
}


@cache
def all_mutants(opa: Path) -> list[Mutant]:
    vocabularies = Vocabularies(ROOT / "schemas")
    made = []
    for file in mutable_files():
        text = text_of(file)
        if file in DATA:
            made += DATA[file](file, text, vocabularies)
        else:
            made += rego.mutants(file, text, rego.parse(text), vocabularies)
    return made


@cache
def text_of(file: str) -> str:
    return (POLICIES / file).read_text(encoding="utf-8")


def selected(
    mutants: list[Mutant], only: list[str] | None, sample: int | None, seed: int, limit: int | None
) -> list[Mutant]:
    chosen = [each for each in mutants if not only or any(each.file.endswith(name) for name in only)]
    if sample is not None and sample < len(chosen):
        places = sorted(random.Random(seed).sample(range(len(chosen)), sample))
        chosen = [chosen[place] for place in places]
    return chosen[:limit]


# --- What becomes of each --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What the killers said of a mutant: "stillborn", "survived", or which one noticed it and what failed."""

    killer: str
    by: str = ""


class Results:
    """Verdicts in a file, one a line, each under the mutant and all that its killer read; added to as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Verdict] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the last line of a run that was cut off
                self.known[entry["key"]] = Verdict(entry["killer"], entry["by"])

    def add(self, key: str, verdict: Verdict) -> None:
        self.known[key] = verdict
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "killer": verdict.killer, "by": verdict.by}, ensure_ascii=False) + "\n")


class Run:
    """Holds mutants against the killers, on as many workers as the machine has processors."""

    def __init__(self, opa: Path, results: Results) -> None:
        self.opa, self.results = opa, results

    def verdicts(self, mutants: list[Mutant]) -> dict[Mutant, Verdict]:
        """Raises RuntimeError if the tests fail, or the policy and the oracle disagree, without any mutant."""
        read = [POLICIES, Path(killers.__file__)]
        first = self.phase(REGO_TESTS, mutants, tree_digest(*read), self.rego_tests)
        left = [mutant for mutant in mutants if first[mutant].killer == SURVIVED]
        held_against = [ROOT / f"proof/{name}.py" for name in ("strategies", "oracle", "judged")]
        read += [*held_against, *(ROOT / lint for lint in killers.LINTS), Path(corpus.__file__)]
        return first | self.phase(SUITE, left, tree_digest(*read), self.suite)

    def phase(
        self, name: str, mutants: list[Mutant], digest: str, prepare: Callable[[Workplace, Path], Judge]
    ) -> dict[Mutant, Verdict]:
        keys = {mutant: f"{name} {digest} {mutant.identity()}" for mutant in mutants}
        missing = [mutant for mutant in mutants if keys[mutant] not in self.results.known]
        if missing:
            for mutant, verdict in self.judged(name, missing, prepare):
                self.results.add(keys[mutant], verdict)
        return {mutant: self.results.known[keys[mutant]] for mutant in mutants}

    def judged(
        self, name: str, mutants: list[Mutant], prepare: Callable[[Workplace, Path], Judge]
    ) -> Iterator[tuple[Mutant, Verdict]]:
        workers = min(os.cpu_count() or 1, len(mutants))
        with tempfile.TemporaryDirectory(prefix="mutants-") as scratch, progress_bar() as bar:
            task = bar.add_task(f"{name}: getting ready", total=None)
            places: queue.SimpleQueue[Workplace] = queue.SimpleQueue()
            for number in range(workers):
                places.put(Workplace.made(Path(scratch) / f"worker-{number}", self.opa))
            first = places.get()
            judge = prepare(first, Path(scratch))
            places.put(first)

            def judged(mutant: Mutant) -> tuple[Mutant, Verdict]:
                place = places.get()
                try:
                    with place.mutated(mutant):
                        return mutant, judge(place, mutant)
                except killers.TooLongError:
                    return mutant, Verdict(name, "OPA takes too long")
                finally:
                    places.put(place)

            bar.update(task, description=name, total=len(mutants))
            pool = ThreadPoolExecutor(workers)
            try:
                for done in as_completed([pool.submit(judged, mutant) for mutant in mutants]):
                    yield done.result()
                    bar.advance(task)
            finally:
                pool.shutdown(cancel_futures=True)

    def rego_tests(self, place: Workplace, _: Path) -> Judge:
        tests = killers.RegoTests(place)
        if not tests.hold(place):
            raise RuntimeError("the Rego tests fail without any mutant; run `make rego-test`")

        def judge(place: Workplace, mutant: Mutant) -> Verdict:
            if killers.is_stillborn(place):
                return Verdict(STILLBORN)
            by = tests.notice(place, mutant)
            return Verdict(REGO_TESTS, by) if by else Verdict(SURVIVED)

        return judge

    def suite(self, place: Workplace, scratch: Path) -> Judge:
        requests = corpus.written(EXAMPLES)
        (scratch / "corpus.json").write_text(requests, encoding="utf-8")
        test = killers.CorpusTest(place, scratch / "corpus.json")
        lints = killers.Lints(place)
        wrong = list(corpus.disagreements(requests, test.before))
        if wrong:
            raise RuntimeError(f"the policy and the oracle disagree on {len(wrong)} decisions, without any mutant")

        def judge(place: Workplace, mutant: Mutant) -> Verdict:
            by = test.notice(place, mutant) or lints.notice(place)
            return Verdict(SUITE, by) if by else Verdict(SURVIVED)

        return judge


Judge = Callable[[Workplace, Mutant], Verdict]


def tree_digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


# --- The report ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Equivalent:
    """An entry of the list: an edit of the rule that begins with `rule`, and why no input can tell the difference."""

    file: str
    rule: str
    was: str
    becomes: str
    because: str


def list_of_equivalents(path: Path = EQUIVALENTS) -> list[Equivalent]:
    return [Equivalent(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


@dataclass
class Report:
    """What became of the mutants; `whole` says that all of them are here, so that a stale entry shows."""

    verdicts: dict[Mutant, Verdict]
    equivalents: list[Equivalent]
    whole: bool
    surviving: list[Mutant] = field(default_factory=list)
    stale: list[Equivalent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        listed = {(each.file, each.rule, each.was, each.becomes): each for each in self.equivalents}
        met = set()
        for mutant, verdict in self.verdicts.items():
            key = tuple(described(mutant).values())
            survived = verdict.killer == SURVIVED
            if survived and key in listed:
                met.add(key)
            elif survived:
                self.surviving.append(mutant)
            column = {STILLBORN: STILLBORN, SURVIVED: "equivalent" if key in listed else "surviving"}
            counted = self.counts.setdefault(mutant.operator, Counter())
            counted.update(["made", column.get(verdict.killer, f"killed by {verdict.killer}")])
        if self.whole:
            self.stale = [each for key, each in listed.items() if key not in met]

    def total(self) -> Counter[str]:
        return sum(self.counts.values(), Counter())

    def scores(self) -> dict[str, float]:
        """The share of the mutants that can be told apart which the Rego tests kill alone, and with the suite."""
        total = self.total()
        alive = total["made"] - total[STILLBORN] - total["equivalent"]
        alone = total[f"killed by {REGO_TESTS}"]
        return {
            REGO_TESTS: alone / alive if alive else 1.0,
            SUITE: (alone + total[f"killed by {SUITE}"]) / alive if alive else 1.0,
        }

    def show(self, console: Console) -> None:
        table = Table("operator", *COLUMNS)
        for operator, counted in sorted(self.counts.items()):
            table.add_row(operator, *(str(counted[column] or "–") for column in COLUMNS))
        table.add_section()
        table.add_row("all", *(str(self.total()[column]) for column in COLUMNS))
        for mutant in self.surviving:
            console.print(f"\nsurviving: {mutant.operator}")
            console.print(Syntax("\n".join(mutant.diff(text_of(mutant.file))), "diff", background_color="default"))
        for entry in self.stale:
            console.print(
                f"\nstale, no surviving mutant of {entry.file}, {entry.rule} is:\n- {entry.was}\n+ {entry.becomes}",
                markup=False,
            )
        console.print(table)
        scores = self.scores()
        console.print(f"The Rego tests alone kill {scores[REGO_TESTS]:.1%}; with the suite, {scores[SUITE]:.1%}.")

    def summary(self) -> dict[str, Any]:
        return {
            "whole": self.whole,
            "scores": self.scores(),
            "all": dict(self.total()),
            "operators": {operator: dict(counted) for operator, counted in sorted(self.counts.items())},
            "surviving": [described(mutant) for mutant in self.surviving],
            "killed by suite": [
                described(mutant) | {"by": verdict.by}
                for mutant, verdict in self.verdicts.items()
                if verdict.killer == SUITE
            ],
            "stale": [vars(entry) for entry in self.stale],
        }


def described(mutant: Mutant) -> dict[str, str]:
    """How a mutant is named: its file, its rule, the lines that go and the lines that come."""
    text = text_of(mutant.file)
    was, becomes = mutant.lines(text)
    return {"file": mutant.file, "rule": mutant.heading(text), "was": was, "becomes": becomes}


if __name__ == "__main__":
    raise SystemExit(main())
