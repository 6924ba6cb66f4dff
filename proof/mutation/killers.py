"""The killers of mutants: the Rego unit tests, then a corpus of requests, then the lints of the registers.

Each killer runs in a workspace, a copy of the policies with one mutant, and returns what noticed the mutant, or None.
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
from therapy_policy.policy.rego import read_rego
from therapy_policy.toolchain.opa import opa_environment
from tools.rego_tests import STRICT_EVAL, pages_of_tests, values_of

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "policies"
LINTS = (Path("tests/contract/test_register.py"), Path("tests/contract/test_rules.py"))
# Processor seconds. A mutant that takes longer counts as noticed: OPA can take minutes to compare a number of many
# digits. Without a mutant the steps take one, ten and ten seconds on a slow machine.
SECONDS, SECONDS_OF_ALL_TESTS, SECONDS_OF_CORPUS = 10, 100, 100
TEST_TIMEOUT = "2m"  # for each Rego test; the default of 5 s is short on a busy machine


@dataclass(frozen=True)
class Workspace:
    """One worker's copy of the policies, and of the lints, which find the policies by their own path."""

    root: Path
    opa: Path

    @classmethod
    def create(cls, root: Path, opa: Path) -> Workspace:
        shutil.copytree(POLICIES, root / "policies")
        for lint in LINTS:
            (root / lint).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / lint, root / lint)
        return cls(root, opa)

    @contextmanager
    def with_mutant(self, mutant: Mutant) -> Iterator[None]:
        path = self.root / "policies" / mutant.file
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.applied(original), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(original, encoding="utf-8")

    def run_opa(self, *arguments: str | Path, seconds: int = SECONDS) -> subprocess.CompletedProcess[str]:
        return run_limited([self.opa, *arguments], self.root / "policies", opa_environment(), seconds)


class TooLongError(Exception):
    """A command has used up its processor time."""


def run_limited(
    command: list[str | Path], where: Path, environment: dict[str, str], seconds: int
) -> subprocess.CompletedProcess[str]:
    """Run a command that Ctrl-C cannot reach, so that an interrupted command never counts as a failed one.

    Raises TooLongError after `seconds` of processor time, RuntimeError if another signal ends the command.
    """
    limited = ["sh", "-c", 'ulimit -t "$0"; exec "$@"', str(seconds), *command]
    done = subprocess.run(limited, cwd=where, env=environment, capture_output=True, text=True, start_new_session=True)
    if done.returncode in {-signal.SIGKILL, -signal.SIGXCPU}:
        raise TooLongError
    if done.returncode < 0:
        raise RuntimeError(f"{command[0]} was ended by signal {-done.returncode}")
    return done


def is_stillborn(workspace: Workspace) -> bool:
    """Whether the compiler rejects the policy, without its tests."""
    return workspace.run_opa("check", "--strict", "--bundle", "--ignore", "*_test.rego", ".").returncode != 0


# --- The Rego unit tests ---------------------------------------------------------------------------------------------


class RegoTests:
    """Gives the result of `make rego-test`, but faster: it evaluates the test rules.

    A test rule that is undefined or false has failed. If a rule has another value than before, such as a table with
    fewer cases, `opa test` decides whether that is a failure. If no value changes, no test has failed.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Evaluate each test without a mutant; raises RuntimeError if that fails."""
        self.files = pages_of_tests(workspace.root / "policies")
        self.needs = test_pages_read(workspace.root / "policies")
        self.kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        before = self.values(workspace, list(self.files))
        if before is None:
            raise RuntimeError("the Rego tests cannot be read; run `make rego-test`")
        self.before = before

    def pass_all(self, workspace: Workspace) -> bool:
        """Whether all tests pass, by `opa test`."""
        return (
            workspace.run_opa(
                "test", "--bundle", ".", "--timeout", TEST_TIMEOUT, seconds=SECONDS_OF_ALL_TESTS
            ).returncode
            == 0
        )

    def notice(self, workspace: Workspace, mutant: Mutant) -> str | None:
        """A test that notices the mutant; the test page that noticed most mutants of that file runs first."""
        favorite = [package for package, _ in self.kills[mutant.file].most_common(1)]
        others = [package for package in self.files if package not in favorite]
        for packages in filter(None, (favorite, others)):
            failed = self.first_failure(workspace, packages)
            if failed in self.before:
                self.kills[mutant.file][failed.rpartition(".")[0]] += 1
            if failed:
                return failed
        return None

    def first_failure(self, workspace: Workspace, packages: list[str]) -> str | None:
        after = self.values(workspace, packages)
        if after is None:
            return "OPA stops with an error"
        before = {name: value for name, value in self.before.items() if name.rpartition(".")[0] in packages}
        changed = [name for name, value in before.items() if after.get(name) != value]
        failed = [name for name in changed if after.get(name, False) is False]
        if failed:
            return failed[0]
        return next((name for name in changed if self.fails(workspace, name)), None)

    def values(self, workspace: Workspace, packages: list[str]) -> dict[str, Any] | None:
        """The values of the tests of these packages, by full name; None if OPA stops with an error."""
        done = workspace.run_opa(*STRICT_EVAL, *self.without_others(packages), values_of(packages))
        if done.returncode:
            return None
        by_package = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return {
            f"{package}.{name}": value
            for package, tests in zip(packages, by_package, strict=True)
            for name, value in tests.items()
        }

    def fails(self, workspace: Workspace, name: str) -> bool:
        options = ["--timeout", TEST_TIMEOUT, *self.without_others([name.rpartition(".")[0]])]
        return workspace.run_opa("test", "--bundle", ".", *options, "--run", f"^{re.escape(name)}$").returncode != 0

    def without_others(self, packages: list[str]) -> list[str]:
        """Options that keep OPA from reading the other test pages, which would cost more time than the tests."""
        needed = {*packages}.union(*(self.needs[package] for package in packages))
        return [option for each, file in self.files.items() if each not in needed for option in ("--ignore", file.name)]


def test_pages_read(policies: Path) -> dict[str, set[str]]:
    """The packages of test pages that each test page reads, itself or through others."""
    files = {str(path): path.read_text(encoding="utf-8") for path in policies.rglob("*_test.rego")}
    packages = {page.package: page for page in read_rego(files).pages}
    reads = {
        package: {
            other
            for other in packages
            if any(path[: len(other)] == other for rule in page.rules for path in rule.reads)
        }
        for package, page in packages.items()
    }
    for package in packages:
        for found in list(reads.values()):
            if package in found:
                found |= reads[package]
    return {
        ".".join(("data", *package)): {".".join(("data", *each)) for each in found} for package, found in reads.items()
    }


# --- A corpus of requests --------------------------------------------------------------------------------------------


class CorpusTest:
    """Decides every request of a corpus and compares with the decisions without a mutant, sentences included."""

    QUERY = "[decisions | some batch in input; decisions := data.therapy.answers with input as batch]"

    def __init__(self, workspace: Workspace, corpus: Path) -> None:
        self.corpus = corpus
        decisions = self.decide(workspace)
        if decisions is None:
            raise RuntimeError("the corpus has no decisions without a mutant")
        self.before = decisions

    def decide(self, workspace: Workspace) -> list[list[dict[str, Any]]] | None:
        """A list of decisions with their answers for each batch; None if OPA stops with an error."""
        done = workspace.run_opa(*STRICT_EVAL, "--input", self.corpus, self.QUERY, seconds=SECONDS_OF_CORPUS)
        if done.returncode:
            return None
        answer: list[list[dict[str, Any]]] = json.loads(done.stdout)["result"][0]["expressions"][0]["value"]
        return answer

    def notice(self, workspace: Workspace, mutant: Mutant) -> str | None:
        if mutant.file.startswith("system/"):
            return None  # no decision depends on the sidecar's own rules
        after = self.decide(workspace)
        if after is None or list(map(len, after)) != list(map(len, self.before)):
            return "corpus: a decision is missing"
        # As text, because 4 and 4.0 are equal in Python but not the same decision.
        pairs = list(zip(*(map(json.dumps, itertools.chain(*each)) for each in (self.before, after)), strict=True))
        different = sum(one != other for one, other in pairs)
        return f"corpus: {different} of {len(pairs)} decisions differ" if different else None


# --- Slips in the parameters ------------------------------------------------------------------------------------------


class SlipTest:
    """Decides the corpus with a slip in the parameters: no request may get more than without it, or in another way."""

    def __init__(self, corpus_test: CorpusTest) -> None:
        self.corpus_test = corpus_test

    def notice(self, workspace: Workspace) -> str | None:
        """What the slip does, if it grants nothing more and something changes; None if it does not."""
        after = self.corpus_test.decide(workspace)
        if after is None:
            return None
        pairs = list(zip(itertools.chain(*self.corpus_test.before), itertools.chain(*after), strict=True))
        changed = [(old["decision"], new["decision"]) for old, new in pairs if old["decision"] != new["decision"]]
        if not changed or not all(is_safe(old, new) for old, new in changed):
            return None
        return f"corpus: {len(changed)} of {len(pairs)} decisions grant less, or say that the policy is at fault"


def is_safe(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a changed decision is pended, denied or smaller than before."""
    was, now = old["authorized"], new["authorized"]
    no_more = len(now["procedure_codes"]) <= len(was["procedure_codes"]) and all(
        now[name] <= was[name] for name in was if name != "procedure_codes"
    )
    if new["outcome"] == "pended" and old["outcome"] != "pended":
        return no_more and "POLICY_VALUE_UNUSABLE" in {reason["code"] for reason in new["reasons"]}
    smaller = new["outcome"] in {"denied", "partially_authorized"} and now != was
    return no_more and (smaller or new["outcome"] in {"denied", old["outcome"]})


# --- The lints of the registers --------------------------------------------------------------------------------------


class Lints:
    def __init__(self, workspace: Workspace) -> None:
        failed = self.notice(workspace)
        if failed:
            raise RuntimeError(f"the lints of the registers fail without a mutant: {failed}")

    def notice(self, workspace: Workspace) -> str | None:
        pytest: list[str | Path] = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
        environment = {**os.environ, "OPA": str(workspace.opa), "PYTHONDONTWRITEBYTECODE": "1"}
        done = run_limited(
            [*pytest, f"--rootdir={workspace.root}", *(workspace.root / lint for lint in LINTS)],
            workspace.root,
            environment,
            SECONDS_OF_CORPUS,
        )
        failed = re.search(r"^(?:FAILED|ERROR) .*?(test_\w+(?:\[.*\])?|test_\w+\.py)(?: |$)", done.stdout, re.MULTILINE)
        return (failed[1] if failed else done.stdout[-300:]) if done.returncode else None
