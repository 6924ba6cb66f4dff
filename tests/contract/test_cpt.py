"""The service names in the parameters are our own words, not the descriptors of CPT, which are the AMA's.

The descriptors (long, medium, short and consumer-friendly) are not in the repository. What is here is
cpt_fingerprints.txt: a hash of each whole descriptor, and of each run of RUN content words in one. A service name may
neither be a descriptor nor contain such a run. A single word never counts, nor do the words in FILLER, or the words
in OF_THE_SOURCE, which the source page uses itself to tell its evaluation codes apart (OT-4).

To renew the fingerprints when codes or descriptors change, keep the descriptors in a file outside the repository, one
on a line, and run:

    python -m tests.contract.test_cpt < DESCRIPTORS > tests/contract/cpt_fingerprints.txt
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

FINGERPRINTS = Path(__file__).with_name("cpt_fingerprints.txt")
PARAMETERS = Path(__file__).parents[2] / "policies/therapy/parameters/data.yaml"
RUN = 2
FILLER = re.findall(
    "[a-z]+",
    "a an and are as at by each eg first for from further ie in initial is it min minute more not of on one or that the"
    " these to use using when which with",
)
OF_THE_SOURCE = ["complexity", "evaluation", "high", "low", "moderate"]


def words(text: str) -> list[str]:
    """The words of a text in small letters, without numbers and without the s of a plural."""
    return [word.removesuffix("s") if len(word) > 3 else word for word in re.findall("[a-z]+", text.lower())]


def fingerprint(some_words: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(some_words).encode()).hexdigest()[:16]


def fingerprints(text: str) -> set[str]:
    """The fingerprints of a whole text and of its runs of content words, with each hyphen as a space and as nothing."""
    found = set()
    for variant in (text.replace("-", " "), text.replace("-", "")):
        content = [word for word in words(variant) if word not in (*FILLER, *OF_THE_SOURCE)]
        found.add(fingerprint(words(variant)))
        found |= {fingerprint(content[n : n + RUN]) for n in range(len(content) - RUN + 1)}
    return found


def known() -> list[str]:
    return FINGERPRINTS.read_text(encoding="utf-8").split()


def service_names() -> dict[str, str]:
    """The service name of each procedure code in each period."""
    parameter = yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["pediatric_ot"]["procedure_codes"]
    return {
        f"{code} from {period['from']}": entry["service"]
        for period in parameter["periods"]
        for code, entry in period["value"].items()
    }


@pytest.mark.parametrize("code", service_names())
def test_a_service_name_is_not_taken_from_a_descriptor(code: str) -> None:
    assert fingerprints(service_names()[code]).isdisjoint(known()), "write the name in our own words"


def test_the_fingerprints_are_of_descriptors_alone() -> None:
    assert len(known()) > 300
    assert known() == sorted(set(known()))
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in known())


# A run of a long descriptor, and a whole short one, each known here by its fingerprint only.
@pytest.mark.parametrize("planted", ["ba4402c24f7ac1c8", "b38ab6673d59dbea"])
def test_descriptors_of_the_listed_codes_are_among_them(planted: str) -> None:
    assert planted in known()


@pytest.mark.parametrize(
    ("name", "descriptor"),
    [
        ("sorting of colored blocks", "Sorting of colored blocks"),
        ("a box of colored block", "sorting of Colored Blocks"),
        ("practice with colored blocks, first 15 minutes", "colored-block play, each 15 minutes"),
        ("re-sorting of blocks", "resorting blocks"),
        ("blocks", "blocks"),
    ],
)
def test_a_name_that_is_or_contains_a_run_of_a_descriptor_is_found(name: str, descriptor: str) -> None:
    assert fingerprints(name) & fingerprints(descriptor)


@pytest.mark.parametrize(
    ("name", "descriptor"),
    [
        ("practice with blocks", "colored blocks"),
        ("evaluation, low complexity", "evaluation of blocks, low complexity, each 15 minutes"),
        ("blocks, each 15 minutes", "rings, each 15 minutes"),
    ],
)
def test_a_single_word_the_time_and_the_words_of_the_source_are_free(name: str, descriptor: str) -> None:
    assert not fingerprints(name) & fingerprints(descriptor)


if __name__ == "__main__":
    print("\n".join(sorted(set().union(*map(fingerprints, sys.stdin.read().splitlines())))))
