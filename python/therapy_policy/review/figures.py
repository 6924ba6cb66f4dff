"""What was counted about a policy, and is not in its bundle: tests, coverage, classes; `make generate` writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).parent / "figures.json"


@dataclass(frozen=True)
class RegoTest:
    """A Rego test that names something, with the cases that do; a test without cases is one case."""

    title: str
    file: str
    row: int
    cases: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many cases it is."""
        return len(self.cases) or 1


class Figures:
    """The figures of one version of the policy."""

    def __init__(self, path: Path = FIGURES) -> None:
        """Read figures.json."""
        self._all: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    @property
    def policy_version(self) -> str:
        """The version of the policy that the figures were made with."""
        return str(self._all["policy_version"])

    @property
    def bundle_sha256(self) -> str:
        """The digest of the bundle that the figures were made with."""
        return str(self._all["bundle_sha256"])

    # --- Tests

    @property
    def number_of_tests(self) -> int:
        """How many Rego tests there are."""
        return len(self._all["tests"])

    @property
    def number_of_cases(self) -> int:
        """How many cases the Rego tests have."""
        return sum(len(test["cases"]) or 1 for test in self._all["tests"])

    def tests_naming(self, words: Iterable[str]) -> list[RegoTest]:
        """The tests that name one of some words: all their cases, or those that name it."""
        wanted, found = set(words), []
        for test in self._all["tests"]:
            cases = [case for case, names in test["cases"].items() if wanted & {*test["names"], *names}]
            if cases or wanted & set(test["names"]):
                title = test["name"].removeprefix("test_").replace("_", " ")
                found.append(RegoTest(title, test["file"], test["row"], tuple(cases)))
        return found

    def of_page(self, path: str) -> tuple[int, int, float | None]:
        """The tests that stand beside a page, their cases, and how much of its lines all tests reach, in percent."""
        beside = [test for test in self._all["tests"] if test["file"] == path.replace(".rego", "_test.rego")]
        return len(beside), sum(len(test["cases"]) or 1 for test in beside), self._all["coverage"].get(path)

    # --- Classes

    @property
    def classes_sha256(self) -> str:
        """The digest of the bundle whose classes were decided."""
        return str(self._all["classes"]["bundle_sha256"])

    @property
    def number_of_classes(self) -> int:
        """How many classes of requests were decided."""
        return sum(found["classes"] for found in self._all["classes"]["request_types"].values())

    def classes_of(self, request_type: str) -> int:
        """How many classes the requests of a type have."""
        return int(self._all["classes"]["request_types"].get(request_type, {}).get("classes", 0))

    def decided_by(self, code: str | None, request_type: str) -> list[tuple[str, int]]:
        """The outcomes of a type's classes that a reason code decides (none where it is None), with their numbers."""
        return [
            (each["outcome"], each["classes"])
            for each in self._all["classes"]["request_types"].get(request_type, {}).get("decided_by", [])
            if each["code"] == code
        ]

    def deciding(self, request_type: str) -> list[tuple[str, str | None, int]]:
        """What decides a type's classes: the outcome, the reason code (None for none), and the number of classes."""
        found = self._all["classes"]["request_types"].get(request_type, {}).get("decided_by", [])
        return [(each["outcome"], each["code"], each["classes"]) for each in found]

    def classes_resting_on(self, interpretation: str) -> int:
        """How many classes of all request types have a reason that rests on an interpretation."""
        return int(self._all["classes"]["interpretations"].get(interpretation, 0))

    def classes_decided_by(self, codes: Iterable[str]) -> int:
        """How many classes of all request types some reason codes decide."""
        wanted = set(codes)
        return sum(
            each["classes"]
            for found in self._all["classes"]["request_types"].values()
            for each in found["decided_by"]
            if each["code"] in wanted
        )
