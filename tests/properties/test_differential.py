"""The oracle, the embedded engine and a live sidecar decide alike: valid requests, nearly valid ones, and any JSON.

The engines agree byte for byte, sentences included. The oracle has no sentences, and agrees on everything else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from proof import oracle, strategies
from proof.comparison import without_wording
from proof.strategies import Json, mostly, pick
from tests.properties.compared import written
from tests.properties.published import any_requests, nearly_valid_requests
from tests.running import RunningSidecar
from therapy_policy import EmbeddedClient, SidecarClient

# Requests drawn at a time. In the profile `proof` each of the five tests draws 2,000 times: 110,000 requests an engine.
BATCH = 11
SECONDS = 60.0

Agree = Callable[[str, list[str]], None]


class Batch(list[Json]):
    """Requests drawn together; Hypothesis, which writes down each example, need not write down all of them."""

    def __repr__(self) -> str:
        return f"a batch of {len(self)}"


def batches(one: SearchStrategy[Json]) -> SearchStrategy[Batch]:
    return st.lists(one, min_size=BATCH, max_size=BATCH).map(Batch)


@pytest.fixture(scope="session")
def agree(
    embedded: EmbeddedClient, asking_sidecar: SidecarClient, requests_compared: Counter[tuple[str, str]]
) -> Agree:
    """Check that all three decide the requests with these texts the same way, and count them for the named test."""

    def check(test: str, texts: list[str]) -> None:
        expected = [oracle.decide(oracle.parse(text)) for text in texts]
        in_process, over_http = embedded.decide_texts(texts), asking_sidecar.decide_texts(texts)
        # One of each batch is decided alone as well.
        assert embedded.decide_text(texts[0]) == in_process[0]
        assert asking_sidecar.decide_text(texts[0]) == over_http[0]

        pairs: dict[str, list[tuple[object, object]]] = {
            "embedded": [(without_wording(found), wanted) for found, wanted in zip(in_process, expected, strict=True)],
            "sidecar": [(without_wording(found), wanted) for found, wanted in zip(over_http, expected, strict=True)],
            "both, byte for byte": [
                (written(one), written(other)) for one, other in zip(in_process, over_http, strict=True)
            ],
        }
        for engine, compared in pairs.items():
            different = [place for place, (found, wanted) in enumerate(compared) if found != wanted]
            requests_compared[test, engine] += len(texts)
            requests_compared[test, f"{engine}, different"] += len(different)
            for place in different:
                found, wanted = compared[place]
                assert found == wanted, f"{engine}: {texts[place]}"

    return check


@given(batches(strategies.valid_requests()))
def test_valid_requests(agree: Agree, values: Batch) -> None:
    agree("valid requests", [json.dumps(value) for value in values])


@given(batches(nearly_valid_requests))
def test_nearly_valid_requests(agree: Agree, values: Batch) -> None:
    agree("nearly valid requests", [json.dumps(value, ensure_ascii=False) for value in values])


@given(batches(strategies.json_values()))
def test_any_json(agree: Agree, values: Batch) -> None:
    agree("any JSON", [json.dumps(value) for value in values])


# --- Numbers as they are written -------------------------------------------------------------------------------------


# Ways to write a whole number: those that mean it to the policy, and those that it takes for no whole number.
meaning_it = pick("{0}", "{0}.0", "{0}.00", "{0}.00000000000000000000")
meaning_nothing = pick(
    *("{0}e0", "{0}E+0", "{0}.0e0", "{1}e-1", "0.{0}e1", "0.0{0}e2", "{0}.5", "{0}.00000000000000000001"),
    *("-{0}", "-{0}.0", "-{0}.000", "-{0}e0", "-0", "-0.0", "-0.00", "0e0", "0.0", "1e400", "-1e400"),
    *("1e99999999", "-1e99999999", "1e-99999999", "1" + "0" * 400, "1" + "0" * 5000, "0." + "1" * 5000),
    *("{0}." + "0" * 5000, "{0}." + "0" * 5000 + "1"),
)
spellings = mostly(meaning_it, meaning_nothing)


@st.composite
def with_numbers_respelt(draw: DrawFn, requests_: SearchStrategy[Json]) -> str:
    """A request as JSON text, its whole numbers written in some way or other."""

    def write(value: Json) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(name)}: {write(member)}" for name, member in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(write(element) for element in value) + "]"
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            spelling: str = draw(spellings)
            return spelling.format(value, value * 10)
        return json.dumps(value, ensure_ascii=False)

    return write(draw(requests_))


numbered = ("pediatric_ot_claim", "pt_visit", "pt_extension")


@given(batches(with_numbers_respelt(st.one_of(*(strategies.REQUESTS[name] for name in numbered)))))
def test_numbers_however_written(agree: Agree, texts: Batch) -> None:
    agree("numbers however written", texts)


@given(batches(with_numbers_respelt(nearly_valid_requests)))
def test_numbers_however_written_in_nearly_valid_requests(agree: Agree, texts: Batch) -> None:
    agree("numbers however written, nearly valid", texts)


# --- The entry point for many requests -------------------------------------------------------------------------------


def inputs_for_many() -> SearchStrategy[Json]:
    lists = st.lists(any_requests, max_size=5)
    batch = st.builds(lambda beside, each: beside | {"requests": each}, st.dictionaries(st.text(), st.none()), lists)
    long = pick(999, 1000, 1001, 1200).map(lambda count: {"requests": [{"request_type": "x"}] * count})
    return mostly(st.one_of(batch, lists, strategies.json_values()), long, 30)


@given(inputs_for_many())
def test_whatever_the_entry_point_for_many_is_given(sidecar: RunningSidecar, value: Json) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{sidecar.url}/v1/data/therapy/decisions", json={"input": value}, timeout=SECONDS)
    assert answer.status_code == 200
    assert [without_wording(decision) for decision in answer.json()["result"]] == oracle.decide_many(value)
