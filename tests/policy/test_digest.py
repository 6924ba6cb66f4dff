"""The digests of a policy: new wording keeps the digest of what decides, and anything else changes it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from therapy_policy.policy.bundles import packaged_bundle
from therapy_policy.policy.digest import digest_of_everything, digest_of_what_decides

BUNDLE = packaged_bundle()
VISIT = "therapy/outpatient_pt/visit.rego"

Edit = Callable[[dict[str, str], Any], object]


def digests_after(edit: Edit) -> tuple[str, str]:
    texts, data = dict(BUNDLE.texts), copy.deepcopy(BUNDLE.data)
    edit(texts, data["therapy"])
    return digest_of_what_decides(texts, data), digest_of_everything(texts, data)


WORDS: dict[str, Edit] = {
    "a message": lambda _, of: of["register"]["reason_codes"]["DC_ADAPTED"].update(message="Other words."),
    "a remedy": lambda _, of: of["register"]["reason_codes"]["DC_ADAPTED"].update(remedy="Other words."),
    "a summary": lambda _, of: of["register"]["clauses"]["PT-3"].update(summary="Other words."),
    "an interpretation": lambda _, of: of["register"]["interpretations"]["INT-4"].update(choice="Other words."),
    "the title of a parameter": lambda _, of: of["parameters"]["units_per_visit"].update(title="Other words"),
    "the version": lambda _, of: of["register"]["policy"].update(version="99.0.0"),
    "a comment in a rule": lambda texts, _: texts.update({VISIT: f"# A comment.\n{texts[VISIT]}"}),
}

DECISIONS: dict[str, Edit] = {
    "a number": lambda _, of: of["parameters"]["units_per_visit"]["periods"][0].update(value=3),
    "a date": lambda _, of: of["parameters"]["contact"]["periods"][0].update({"from": "1900-01-02"}),
    "an effect": lambda _, of: of["register"]["reason_codes"]["DC_ADAPTED"].update(effect="pend"),
    "the clauses of a code": lambda _, of: of["register"]["reason_codes"]["DC_ADAPTED"].update(clauses=["DC-3"]),
    "the order of a clause": lambda _, of: of["register"]["clauses"]["PT-3"].update(order=999),
    "the ceiling": lambda _, of: of["ceiling"].update(units_per_visit=3),
    "a rule": lambda texts, _: texts.update({VISIT: texts[VISIT].replace("<", "<=", 1)}),
}


@pytest.mark.parametrize("name", WORDS)
def test_new_wording_keeps_the_digest_of_what_decides(name: str) -> None:
    decides, everything = digests_after(WORDS[name])
    assert decides == BUNDLE.digest
    assert everything != BUNDLE.digest_of_everything


@pytest.mark.parametrize("name", DECISIONS)
def test_anything_that_decides_changes_both_digests(name: str) -> None:
    decides, everything = digests_after(DECISIONS[name])
    assert decides != BUNDLE.digest
    assert everything != BUNDLE.digest_of_everything


def test_the_revision_is_the_version_and_the_digest() -> None:
    version, _, digits = BUNDLE.revision.partition("+")
    assert version == BUNDLE.version
    assert len(digits) == 12
    assert BUNDLE.digest.startswith(digits)
