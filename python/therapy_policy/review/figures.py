"""Counts that are not in the bundle of a policy: tests, coverage, classes. `make generate` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from therapy_policy.wording import name_in_words

FIGURES = resources.files("therapy_policy.review") / "figures.json"


@dataclass(frozen=True)
class RegoTest:
    """A Rego test that names something, with the cases that name it; a test without cases counts as one case."""

    title: str
    file: str
    row: int
    cases: tuple[str, ...]

    @property
    def number(self) -> int:
        """The number of its cases."""
        return len(self.cases) or 1


@dataclass(frozen=True)
class ProofPart:
    """A part of the proof, such as the requests that were compared."""

    name: str
    date: str  # YYYY-MM-DD, the day of its last run
    results: tuple[tuple[str, str], ...]  # what was counted, and the number


@dataclass(frozen=True)
class Proof:
    """The last full proof, and the policy that it is of."""

    policy_version: str
    policy_digest: str  # of what decides, 64 hex digits
    opa: str
    parts: tuple[ProofPart, ...]

    @property
    def date(self) -> str:
        """The day of its last part, YYYY-MM-DD."""
        return max(part.date for part in self.parts)


class Figures:
    """The counts for one version of the policy."""

    def __init__(self, path: Traversable = FIGURES) -> None:
        """Read figures.json."""
        self._all: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))

    @property
    def policy_version(self) -> str:
        """The version of the policy with these counts."""
        return str(self._all["policy_version"])

    @property
    def policy_digest(self) -> str:
        """The digest of what decides in the policy with these counts."""
        return str(self._all["policy_digest"])

    @property
    def proof(self) -> Proof:
        """The last full proof."""
        found = self._all["proof"]
        return Proof(
            found["policy_version"],
            found["policy_digest"],
            found["opa"],
            tuple(
                ProofPart(part["name"], part["date"], tuple((name, number) for name, number in part["results"]))
                for part in found["parts"]
            ),
        )

    # --- Tests

    @property
    def number_of_tests(self) -> int:
        """The number of Rego tests."""
        return len(self._all["tests"])

    @property
    def number_of_cases(self) -> int:
        """The number of cases of all Rego tests."""
        return sum(len(test["cases"]) or 1 for test in self._all["tests"])

    def tests_naming(self, words: Iterable[str]) -> list[RegoTest]:
        """The tests that name one of these words, with all their cases or with the cases that name it."""
        wanted, tests = set(words), []
        for test in self._all["tests"]:
            cases = [case for case, names in test["cases"].items() if wanted & {*test["names"], *names}]
            if cases or wanted & set(test["names"]):
                title = name_in_words(test["name"].removeprefix("test_"))
                tests.append(RegoTest(title, test["file"], test["row"], tuple(cases)))
        return tests

    def tests_without(self, words: Iterable[str], file: str) -> list[RegoTest]:
        """The tests in a file that name none of these words, with those cases that do not either."""
        unwanted, tests = set(words), []
        for test in self._all["tests"]:
            if test["file"] == file and not unwanted & set(test["names"]):
                cases = [case for case, names in test["cases"].items() if not unwanted & set(names)]
                if cases or not test["cases"]:
                    title = name_in_words(test["name"].removeprefix("test_"))
                    tests.append(RegoTest(title, test["file"], test["row"], tuple(cases)))
        return tests

    def tests_of_page(self, path: str) -> tuple[int, int, float | None]:
        """The tests in the test file of a page, their cases, and the percentage of its lines that all tests cover."""
        in_file = [test for test in self._all["tests"] if test["file"] == path.replace(".rego", "_test.rego")]
        return len(in_file), sum(len(test["cases"]) or 1 for test in in_file), self._all["coverage"].get(path)

    # --- Classes

    def fields_of_clause(self, clause: str) -> list[str]:
        """The fields that reasons with a clause name, as JSON Pointers, without the numbers of elements."""
        fields: list[str] = self._all["fields"].get(clause, [])
        return fields

    @property
    def classes_digest(self) -> str:
        """The digest of what decides in the policy whose request classes were decided."""
        return str(self._all["classes"]["policy_digest"])

    @property
    def number_of_classes(self) -> int:
        """The number of request classes."""
        return sum(each["classes"] for each in self._all["classes"]["request_types"].values())

    def classes_of(self, request_type: str) -> int:
        """The number of classes of a request type."""
        return int(self._all["classes"]["request_types"].get(request_type, {}).get("classes", 0))

    def decided_by(self, code: str | None, request_type: str) -> list[tuple[str, int]]:
        """The outcomes that a code (None: no reason) decides in a request type, each with the number of classes."""
        return [
            (each["outcome"], each["classes"])
            for each in self._all["classes"]["request_types"].get(request_type, {}).get("decided_by", [])
            if each["code"] == code
        ]

    def deciding_codes(self, request_type: str) -> list[tuple[str, str | None, int]]:
        """What decides the classes of a type: the outcome, the reason code (or None), and the number of classes."""
        rows = self._all["classes"]["request_types"].get(request_type, {}).get("decided_by", [])
        return [(each["outcome"], each["code"], each["classes"]) for each in rows]

    def classes_citing(self, interpretation: str) -> int:
        """The number of classes, of all request types, with a reason that cites an interpretation."""
        return int(self._all["classes"]["interpretations"].get(interpretation, 0))

    def classes_decided_by(self, codes: Iterable[str]) -> int:
        """The number of classes, of all request types, that these reason codes decide."""
        wanted = set(codes)
        return sum(
            each["classes"]
            for of_type in self._all["classes"]["request_types"].values()
            for each in of_type["decided_by"]
            if each["code"] in wanted
        )
