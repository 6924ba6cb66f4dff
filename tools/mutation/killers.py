"""What may notice a mutant: the Rego unit tests alone, then a corpus of requests, then the lints of the registers.

Each killer looks at a workplace, a copy of what it needs with one mutant applied, and says what noticed, or None.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutation.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
LINTS = Path("tests/contract/test_register.py")
# A mutant that takes longer is noticed too; the slowest step takes some ten seconds on a slow machine.
TIMEOUT_S = 300.0
TEST_TIMEOUT = "2m"  # for each Rego test; the default of 5 s is short on a busy machine
TRIED = 5  # of the tests whose value a mutant changes, so many are run one by one before all are


@dataclass(frozen=True)
class Workplace:
    """A copy of the policies, and of the lints that read them by their own path, for one worker alone."""

    root: Path
    opa: Path

    @classmethod
    def made(cls, root: Path, opa: Path) -> Workplace:
        shutil.copytree(POLICIES, root / "policies")
        (root / LINTS).parent.mkdir(parents=True)
        shutil.copyfile(ROOT / LINTS, root / LINTS)
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

    def run_opa(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Raises subprocess.TimeoutExpired after `TIMEOUT_S` seconds."""
        # Each run is short and its memory small: a lazier garbage collector saves a third of the time.
        environment = os.environ | {"GOGC": "400"}
        command = [self.opa, *arguments]
        return subprocess.run(
            command, cwd=self.root / "policies", env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )


def is_stillborn(place: Workplace) -> bool:
    """Whether the policy, its tests aside, is no longer one that the compiler accepts."""
    return place.run_opa("check", "--strict", "--bundle", "--ignore", "*_test.rego", ".").returncode != 0


# --- The Rego unit tests ---------------------------------------------------------------------------------------------


class RegoTests:
    """`opa test`, and a faster reading of it that asks for the values of the test rules.

    A test rule that is undefined or false has failed. Where one has another value than before, such as a table with
    fewer cases, `opa test` itself says whether that is a failure; and where none has, it has the last word too.
    """

    def __init__(self, place: Workplace) -> None:
        """Reads what each test is worth without a mutant; raises RuntimeError if that cannot be read."""
        self.files: dict[str, str] = {}  # of tests, by package
        for path in sorted((place.root / "policies").rglob("*_test.rego")):
            text = path.read_text(encoding="utf-8")
            package = re.search(r"^package (\S+)", text, re.MULTILINE)
            if package and re.search(r"^test_", text, re.MULTILINE):
                self.files[f"data.{package[1]}"] = path.name
        self.noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        before = self.values(place, list(self.files))
        if before is None:
            raise RuntimeError("the Rego tests cannot be read; run `make rego-test`")
        self.before = before

    def hold(self, place: Workplace) -> bool:
        """Whether all of them pass, `opa test` says."""
        return self.opa_test(place).returncode == 0

    def notice(self, place: Workplace, mutant: Mutant) -> str | None:
        """A test that notices the mutant; the page of tests that noticed most of its file's mutants is asked first."""
        favourite = [package for package, _ in self.noticed[mutant.file].most_common(1)]
        others = [package for package in self.files if package not in favourite]
        for packages in filter(None, (favourite, others)):
            failed = self.failed_of(place, packages)
            if failed:
                self.noticed[mutant.file][failed.rpartition(".")[0]] += 1
                return failed
        return None if self.hold(place) else "opa test"

    def failed_of(self, place: Workplace, packages: list[str]) -> str | None:
        after = self.values(place, packages)
        if after is None:
            return None  # OPA stopped, and `opa test` will say so
        before = {name: value for name, value in self.before.items() if name.rpartition(".")[0] in packages}
        changed = [name for name, value in before.items() if after.get(name) != value]
        certain = [name for name in changed if after.get(name, False) is False]
        if certain:
            return certain[0]
        return next((name for name in changed[:TRIED] if self.fails(place, name)), None)

    def values(self, place: Workplace, packages: list[str]) -> dict[str, Any] | None:
        """What the tests of packages are worth, by their whole names; None if OPA stops with an error."""
        query = ", ".join(f'{{name: value | value := {each}[name]; startswith(name, "test_")}}' for each in packages)
        done = place.run_opa("eval", "--bundle", ".", *self.without_others(packages), "--format=json", f"[{query}]")
        if done.returncode:
            return None
        worth = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return {
            f"{package}.{name}": value
            for package, tests in zip(packages, worth, strict=True)
            for name, value in tests.items()
        }

    def fails(self, place: Workplace, name: str) -> bool:
        options = self.without_others([name.rpartition(".")[0]])
        return self.opa_test(place, *options, "--run", f"^{re.escape(name)}$").returncode != 0

    def without_others(self, packages: list[str]) -> list[str]:
        """Options that keep OPA from reading test pages that are not asked for: they cost more than the asking."""
        return [option for each, file in self.files.items() if each not in packages for option in ("--ignore", file)]

    def opa_test(self, place: Workplace, *options: str) -> subprocess.CompletedProcess[str]:
        return place.run_opa("test", "--bundle", ".", "--timeout", TEST_TIMEOUT, *options)


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
        done = place.run_opa("eval", "--bundle", ".", "--format=json", "--input", self.corpus, self.QUERY)
        if done.returncode:
            return None
        answer: list[list[dict[str, Any]]] = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return answer

    def notice(self, place: Workplace, mutant: Mutant) -> str | None:
        if mutant.file.startswith("system/"):
            return None  # no decision rests on the sidecar's own rules
        after = self.decided(place)
        if after == self.before:
            return None
        if after is None or list(map(len, after)) != list(map(len, self.before)):
            return "corpus: a decision is missing"
        pairs = [pair for one, other in zip(self.before, after, strict=True) for pair in zip(one, other, strict=True)]
        different = sum(one != other for one, other in pairs)
        return f"corpus: {different} of {len(pairs)} decisions differ"


# --- The lints of the registers --------------------------------------------------------------------------------------


class Lints:
    def __init__(self, place: Workplace) -> None:
        failed = self.notice(place)
        if failed:
            raise RuntimeError(f"the lints of the registers fail without a mutant: {failed}")

    def notice(self, place: Workplace) -> str | None:
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--rootdir={place.root}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, place.root / LINTS],
            cwd=place.root,
            env=os.environ | {"OPA": str(place.opa), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        failed = re.search(r"^(?:FAILED|ERROR) .*?(test_\w+(?:\[.*\])?|test_\w+\.py)(?: |$)", done.stdout, re.MULTILINE)
        return (failed[1] if failed else done.stdout[-300:]) if done.returncode else None
