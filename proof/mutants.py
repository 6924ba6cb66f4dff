"""`make mutants`: makes one small change to the policy at a time, and lists the changes that no test notices.

Each mutant of the hand-written Rego, of the parameters and of the reason codes is first run with the Rego unit tests,
then with a fixed corpus of requests and the lints of the registers. The report shows the diff of each mutant that
survives, unless proof/equivalent_mutants.yaml says why no decision can differ. A slip in a period of the parameters (a
key misspelled, dropped or retyped, a period dropped) must change decisions, and grant no request more than before.
Results are saved as the run proceeds, so an interrupted run resumes where it stopped. Progress is on standard error and
the report on standard output. Exit 1 if a mutant survives, 2 if the tests fail without a mutant.
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
from proof.mutation.killers import POLICIES, ROOT, Workspace
from proof.mutation.mutant import Mutant, Vocabularies
from therapy_policy.toolchain.opa import find_opa
from tools.rego_tests import GENERATED

EQUIVALENTS = ROOT / "proof/equivalent_mutants.yaml"
EXAMPLES = 800  # random requests in the corpus: this many valid ones, and as many nearly valid ones
REGO_TESTS, SUITE = "Rego tests", "suite"
STILLBORN, SURVIVED = "stillborn", "survived"
GRANTS_NO_MORE = "grants no more"
COLUMNS = (
    "made",
    STILLBORN,
    f"killed by {REGO_TESTS}",
    f"killed by {SUITE}",
    GRANTS_NO_MORE,
    "equivalent",
    "surviving",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="FILE", help="only mutants of this file in policies/")
    parser.add_argument("--sample", type=int, metavar="N", help="a random sample of N mutants")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N mutants")
    parser.add_argument("--state", type=Path, default=ROOT / "build/mutants.jsonl", help="file for the results")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the summary to a file")
    options = parser.parse_args()
    opa = find_opa()
    mutants = select(all_mutants(opa), options.only, options.sample, options.seed, options.limit)
    if not mutants:
        print(f"No mutant to run; --only takes one of: {', '.join(mutable_files())}", file=sys.stderr)
        return 2
    try:
        verdicts = Run(opa, Results(options.state)).verdicts(mutants)
    except RuntimeError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"Stopped. Run it again to resume; the results so far are in {options.state}.", file=sys.stderr)
        return 130
    whole = len(mutants) == len(all_mutants(opa))
    report = MutantReport(verdicts, equivalents(), whole)
    report.show(Console())
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report.summary(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if report.surviving or report.stale else 0


# --- Mutable files ---------------------------------------------------------------------------------------------------


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
    mutants = []
    for file in mutable_files():
        text = text_of(file)
        if file in DATA:
            mutants += DATA[file](file, text, vocabularies)
        else:
            mutants += rego.mutants(file, text, rego.parse(text), vocabularies)
    return mutants


@cache
def text_of(file: str) -> str:
    return (POLICIES / file).read_text(encoding="utf-8")


def select(
    mutants: list[Mutant], only: list[str] | None, sample: int | None, seed: int, limit: int | None
) -> list[Mutant]:
    selection = [each for each in mutants if not only or any(each.file.endswith(name) for name in only)]
    if sample is not None and sample < len(selection):
        indexes = sorted(random.Random(seed).sample(range(len(selection)), sample))
        selection = [selection[index] for index in indexes]
    return selection[:limit]


# --- The verdicts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """The result for a mutant: "stillborn", "survived", or the killer that noticed it and the test that failed."""

    killer: str
    by: str = ""


class Results:
    """Verdicts in a file, one per line; the key is the mutant and a digest of the files that its killer reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, Verdict] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the last line of an interrupted run
                self.known[entry["key"]] = Verdict(entry["killer"], entry["by"])

    def add(self, key: str, verdict: Verdict) -> None:
        self.known[key] = verdict
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "killer": verdict.killer, "by": verdict.by}, ensure_ascii=False) + "\n")


class Run:
    """Runs the killers on mutants, with one worker per processor."""

    def __init__(self, opa: Path, results: Results) -> None:
        self.opa, self.results = opa, results

    def verdicts(self, mutants: list[Mutant]) -> dict[Mutant, Verdict]:
        """Raises RuntimeError if the tests fail without a mutant, or if the policy and the oracle disagree."""
        files = [POLICIES, Path(killers.__file__)]
        slips = [mutant for mutant in mutants if mutant.operator in data.SLIPS]
        others = [mutant for mutant in mutants if mutant.operator not in data.SLIPS]
        by_rego_tests = self.phase(REGO_TESTS, others, tree_digest(*files), self.rego_tests)
        survivors = [mutant for mutant in others if by_rego_tests[mutant].killer == SURVIVED]
        files += [ROOT / f"proof/{name}.py" for name in ("strategies", "oracle", "comparison")]
        files += [*(ROOT / lint for lint in killers.LINTS), Path(corpus.__file__)]
        digest = tree_digest(*files)
        suite = self.phase(SUITE, survivors, digest, self.suite)
        return by_rego_tests | suite | self.phase(GRANTS_NO_MORE, slips, digest, self.slips)

    def phase(
        self, name: str, mutants: list[Mutant], digest: str, prepare: Callable[[Workspace, Path], Killer]
    ) -> dict[Mutant, Verdict]:
        keys = {mutant: f"{name} {digest} {mutant.identity()}" for mutant in mutants}
        missing = [mutant for mutant in mutants if keys[mutant] not in self.results.known]
        if missing:
            for mutant, verdict in self.run(name, missing, prepare):
                self.results.add(keys[mutant], verdict)
        return {mutant: self.results.known[keys[mutant]] for mutant in mutants}

    def run(
        self, name: str, mutants: list[Mutant], prepare: Callable[[Workspace, Path], Killer]
    ) -> Iterator[tuple[Mutant, Verdict]]:
        workers = min(os.cpu_count() or 1, len(mutants))
        with tempfile.TemporaryDirectory(prefix="mutants-") as scratch, progress_bar() as bar:
            task = bar.add_task(f"{name}: preparing", total=None)
            workspaces: queue.SimpleQueue[Workspace] = queue.SimpleQueue()
            for number in range(workers):
                workspaces.put(Workspace.create(Path(scratch) / f"worker-{number}", self.opa))
            first = workspaces.get()
            killer = prepare(first, Path(scratch))
            workspaces.put(first)

            def verdict_on(mutant: Mutant) -> tuple[Mutant, Verdict]:
                workspace = workspaces.get()
                try:
                    with workspace.with_mutant(mutant):
                        return mutant, killer(workspace, mutant)
                except killers.TooLongError:
                    return mutant, Verdict(name, "OPA takes too long")
                finally:
                    workspaces.put(workspace)

            bar.update(task, description=name, total=len(mutants))
            pool = ThreadPoolExecutor(workers)
            try:
                for done in as_completed([pool.submit(verdict_on, mutant) for mutant in mutants]):
                    yield done.result()
                    bar.advance(task)
            finally:
                pool.shutdown(cancel_futures=True)

    def rego_tests(self, workspace: Workspace, _: Path) -> Killer:
        tests = killers.RegoTests(workspace)
        if not tests.pass_all(workspace):
            raise RuntimeError("the Rego tests fail without a mutant; run `make rego-test`")

        def kill(workspace: Workspace, mutant: Mutant) -> Verdict:
            if killers.is_stillborn(workspace):
                return Verdict(STILLBORN)
            by = tests.notice(workspace, mutant)
            return Verdict(REGO_TESTS, by) if by else Verdict(SURVIVED)

        return kill

    def corpus_test(self, workspace: Workspace, scratch: Path, examples: int = EXAMPLES) -> killers.CorpusTest:
        requests = corpus.as_json(examples)
        (scratch / "corpus.json").write_text(requests, encoding="utf-8")
        test = killers.CorpusTest(workspace, scratch / "corpus.json")
        differences = list(corpus.disagreements(requests, test.before))
        if differences:
            raise RuntimeError(f"without a mutant, the policy and the oracle disagree on {len(differences)} decisions")
        return test

    def slips(self, workspace: Workspace, scratch: Path) -> Killer:
        test = killers.SlipTest(self.corpus_test(workspace, scratch, examples=0))

        def kill(workspace: Workspace, mutant: Mutant) -> Verdict:
            if killers.is_stillborn(workspace):
                return Verdict(STILLBORN)
            by = test.notice(workspace)
            return Verdict(GRANTS_NO_MORE, by) if by else Verdict(SURVIVED)

        return kill

    def suite(self, workspace: Workspace, scratch: Path) -> Killer:
        test = self.corpus_test(workspace, scratch)
        lints = killers.Lints(workspace)

        def kill(workspace: Workspace, mutant: Mutant) -> Verdict:
            by = test.notice(workspace, mutant) or lints.notice(workspace)
            return Verdict(SUITE, by) if by else Verdict(SURVIVED)

        return kill


Killer = Callable[[Workspace, Mutant], Verdict]


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
    """An entry of the list: a change to the rule that begins with `rule`, and why no decision can differ."""

    file: str
    rule: str
    was: str
    becomes: str
    because: str


def equivalents(path: Path = EQUIVALENTS) -> list[Equivalent]:
    return [Equivalent(**entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


@dataclass
class MutantReport:
    """The verdicts on mutants. If `whole` is true, they are all here, so that an entry without a mutant is stale."""

    verdicts: dict[Mutant, Verdict]
    equivalents: list[Equivalent]
    whole: bool
    surviving: list[Mutant] = field(default_factory=list)
    stale: list[Equivalent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        listed = {(each.file, each.rule, each.was, each.becomes): each for each in self.equivalents}
        used = set()
        for mutant, verdict in self.verdicts.items():
            key = tuple(description(mutant).values())
            survived = verdict.killer == SURVIVED
            if survived and key in listed:
                used.add(key)
            elif survived:
                self.surviving.append(mutant)
            same_name = {name: name for name in (STILLBORN, GRANTS_NO_MORE)}
            column = same_name | {SURVIVED: "equivalent" if key in listed else "surviving"}
            counted = self.counts.setdefault(mutant.operator, Counter())
            counted.update(["made", column.get(verdict.killer, f"killed by {verdict.killer}")])
        if self.whole:
            self.stale = [each for key, each in listed.items() if key not in used]

    def total(self) -> Counter[str]:
        return sum(self.counts.values(), Counter())

    def scores(self) -> dict[str, float]:
        """The share of the mutants that the Rego tests kill alone, and with the suite; equivalent ones do not count."""
        total = self.total()
        killable = total["made"] - total[STILLBORN] - total["equivalent"] - total[GRANTS_NO_MORE]
        alone = total[f"killed by {REGO_TESTS}"]
        return {
            REGO_TESTS: alone / killable if killable else 1.0,
            SUITE: (alone + total[f"killed by {SUITE}"]) / killable if killable else 1.0,
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
                f"\nstale, without a surviving mutant: {entry.file}, {entry.rule}\n- {entry.was}\n+ {entry.becomes}",
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
            "surviving": [description(mutant) for mutant in self.surviving],
            "killed by suite": [
                description(mutant) | {"by": verdict.by}
                for mutant, verdict in self.verdicts.items()
                if verdict.killer == SUITE
            ],
            "stale": [vars(entry) for entry in self.stale],
        }


def description(mutant: Mutant) -> dict[str, str]:
    """How a list names a mutant: its file, its rule, the lines removed and the lines added."""
    text = text_of(mutant.file)
    was, becomes = mutant.lines(text)
    return {"file": mutant.file, "rule": mutant.heading(text), "was": was, "becomes": becomes}


if __name__ == "__main__":
    raise SystemExit(main())
