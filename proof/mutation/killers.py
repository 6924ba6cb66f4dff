"""What may notice a mutant: the Rego unit tests alone, then a corpus of requests, then the lints of the registers.

Each killer looks at a workplace, a copy of what it needs with one mutant applied, and says what noticed, or None.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.mutation.mutant import Mutant
from tools.rego_tests import STRICT_EVAL, pages_of_tests, values_of

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
LINTS = (Path("tests/contract/test_register.py"), Path("tests/contract/test_rules.py"))
# Processor seconds. A mutant that takes longer is noticed too: compared at last, a number of many digits takes OPA
# minutes. Without a mutant the steps take one, ten and ten on a slow machine.
SECONDS, SECONDS_OF_ALL_TESTS, SECONDS_OF_CORPUS = 10, 100, 100
TEST_TIMEOUT = "2m"  # for each Rego test; the default of 5 s is short on a busy machine


@dataclass(frozen=True)
class Workplace:
    """A copy of the policies, and of the lints that read them by their own path, for one worker alone."""

    root: Path
    opa: Path

    @classmethod
    def made(cls, root: Path, opa: Path) -> Workplace:
        shutil.copytree(POLICIES, root / "policies")
        for lint in LINTS:
            (root / lint).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / lint, root / lint)
        return cls(root, opa)

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        path = self.root / "policies" / mutant.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.applied(original), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(original, encoding="utf-8")

    def run_opa(self, *arguments: str | Path, seconds: int = SECONDS) -> subprocess.CompletedProcess[str]:
        # Each run is short and its memory small: a lazier garbage collector saves a third of the time.
        return finished([self.opa, *arguments], self.root / "policies", {"GOGC": "400"}, seconds)


class TooLongError(Exception):
    """A command has used up its processor time."""


def finished(
    command: list[str | Path], where: Path, environment: dict[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Runs a command out of reach of Ctrl-C, so that one that was cut short is never taken for one that failed.

    Raises TooLongError after so many seconds of processor time, RuntimeError if another signal ended it.
    """
    limited = ["sh", "-c", 'ulimit -t "$0"; exec "$@"', str(seconds), *command]
    done = subprocess.run(
        limited, cwd=where, env=os.environ | environment, capture_output=True, text=True, start_new_session=True
    )
    if done.returncode in {-signal.SIGKILL, -signal.SIGXCPU}:
        raise TooLongError
    if done.returncode < 0:
        raise RuntimeError(f"{command[0]} was ended by signal {-done.returncode}")
    return done


def is_stillborn(place: Workplace) -> bool:
    """Whether the policy, its tests aside, is no longer one that the compiler accepts."""
    return place.run_opa("check", "--strict", "--bundle", "--ignore", "*_test.rego", ".").returncode != 0


# --- The Rego unit tests ---------------------------------------------------------------------------------------------


class RegoTests:
    """What `make rego-test` would say, by a faster way that asks for the values of the test rules.

    A test rule that is undefined or false has failed. Where one has another value than before, such as a table with
    fewer cases, `opa test` itself says whether that is a failure. Where none has, no test that there was has failed.
    """

    def __init__(self, place: Workplace) -> None:
        """Reads what each test is worth without a mutant; raises RuntimeError if that cannot be read."""
        self.files = pages_of_tests(place.root / "policies")
        self.noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        before = self.values(place, list(self.files))
        if before is None:
            raise RuntimeError("the Rego tests cannot be read; run `make rego-test`")
        self.before = before

    def hold(self, place: Workplace) -> bool:
        """Whether all of them pass, `opa test` says."""
        return (
            place.run_opa("test", "--bundle", ".", "--timeout", TEST_TIMEOUT, seconds=SECONDS_OF_ALL_TESTS).returncode
            == 0
        )

    def notice(self, place: Workplace, mutant: Mutant) -> str | None:
        """A test that notices the mutant; the page of tests that noticed most of its file's mutants is asked first."""
        favourite = [package for package, _ in self.noticed[mutant.file].most_common(1)]
        others = [package for package in self.files if package not in favourite]
        for packages in filter(None, (favourite, others)):
            failed = self.failed_of(place, packages)
            if failed in self.before:
                self.noticed[mutant.file][failed.rpartition(".")[0]] += 1
            if failed:
                return failed
        return None

    def failed_of(self, place: Workplace, packages: list[str]) -> str | None:
        after = self.values(place, packages)
        if after is None:
            return "OPA stops with an error"
        before = {name: value for name, value in self.before.items() if name.rpartition(".")[0] in packages}
        changed = [name for name, value in before.items() if after.get(name) != value]
        certain = [name for name in changed if after.get(name, False) is False]
        if certain:
            return certain[0]
        return next((name for name in changed if self.fails(place, name)), None)

    def values(self, place: Workplace, packages: list[str]) -> dict[str, Any] | None:
        """What the tests of packages are worth, by their whole names; None if OPA stops with an error."""
        done = place.run_opa(*STRICT_EVAL, *self.without_others(packages), values_of(packages))
        if done.returncode:
            return None
        worth = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return {
            f"{package}.{name}": value
            for package, tests in zip(packages, worth, strict=True)
            for name, value in tests.items()
        }

    def fails(self, place: Workplace, name: str) -> bool:
        options = ["--timeout", TEST_TIMEOUT, *self.without_others([name.rpartition(".")[0]])]
        return place.run_opa("test", "--bundle", ".", *options, "--run", f"^{re.escape(name)}$").returncode != 0

    def without_others(self, packages: list[str]) -> list[str]:
        """Options that keep OPA from reading test pages that are not asked for: they cost more than the asking."""
        return [
            option for each, file in self.files.items() if each not in packages for option in ("--ignore", file.name)
        ]


# --- A corpus of requests --------------------------------------------------------------------------------------------


class CorpusTest:
    """Decides every request of a corpus and compares with the decisions without a mutant, prose included."""

    QUERY = "[decisions | some batch in input; decisions := data.therapy.decisions with input as batch]"

    def __init__(self, place: Workplace, corpus: Path) -> None:
        self.corpus = corpus
        decided = self.decided(place)
        if decided is None:
            raise RuntimeError("the corpus cannot be decided without a mutant")
        self.before = decided

    def decided(self, place: Workplace) -> list[list[dict[str, Any]]] | None:
        """A list of decisions for each batch; None if OPA stops with an error."""
        done = place.run_opa(*STRICT_EVAL, "--input", self.corpus, self.QUERY, seconds=SECONDS_OF_CORPUS)
        if done.returncode:
            return None
        answer: list[list[dict[str, Any]]] = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return answer

    def notice(self, place: Workplace, mutant: Mutant) -> str | None:
        if mutant.file.startswith("system/"):
            return None  # no decision rests on the sidecar's own rules
        after = self.decided(place)
        if after is None or list(map(len, after)) != list(map(len, self.before)):
            return "corpus: a decision is missing"
        # As text, for 4 and 4.0 are equal in Python and not the same decision.
        pairs = list(zip(*(map(json.dumps, itertools.chain(*each)) for each in (self.before, after)), strict=True))
        different = sum(one != other for one, other in pairs)
        return f"corpus: {different} of {len(pairs)} decisions differ" if different else None


# --- The lints of the registers --------------------------------------------------------------------------------------


class Lints:
    def __init__(self, place: Workplace) -> None:
        failed = self.notice(place)
        if failed:
            raise RuntimeError(f"the lints of the registers fail without a mutant: {failed}")

    def notice(self, place: Workplace) -> str | None:
        pytest: list[str | Path] = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
        environment = {"OPA": str(place.opa), "PYTHONDONTWRITEBYTECODE": "1"}
        done = finished(
            [*pytest, f"--rootdir={place.root}", *(place.root / lint for lint in LINTS)],
            place.root,
            environment,
            SECONDS_OF_CORPUS,
        )
        failed = re.search(r"^(?:FAILED|ERROR) .*?(test_\w+(?:\[.*\])?|test_\w+\.py)(?: |$)", done.stdout, re.MULTILINE)
        return (failed[1] if failed else done.stdout[-300:]) if done.returncode else None
