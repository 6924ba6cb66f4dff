"""Both engines give the same decision on the same request, byte for byte."""

import json
import re
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proof.strategies import json_values, nearly_valid_requests, valid_requests
from therapy_policy import Answered, Decision, EmbeddedClient, SidecarClient


def written(decision: Decision | Answered) -> str:
    return json.dumps(decision, sort_keys=True, ensure_ascii=False)


@settings(max_examples=500, deadline=None)
@given(st.one_of(valid_requests(), nearly_valid_requests(), json_values()))
def test_any_request(embedded: EmbeddedClient, sidecar: SidecarClient, request_value: Any) -> None:
    decision, answered = embedded.decide(request_value), embedded.answer(request_value)
    assert written(decision) == written(sidecar.decide(request_value)) == written(answered["decision"])
    assert written(answered) == written(sidecar.answer(request_value))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(valid_requests(), nearly_valid_requests(), json_values()), max_size=20))
def test_any_requests(embedded: EmbeddedClient, sidecar: SidecarClient, requests: list[Any]) -> None:
    one_by_one = [written(embedded.decide(request)) for request in requests]
    assert [written(decision) for decision in embedded.decide_many(requests)] == one_by_one
    assert [written(decision) for decision in sidecar.decide_many(requests)] == one_by_one
    answers = [written(embedded.answer(request)) for request in requests]
    assert [written(answered) for answered in embedded.answers(requests)] == answers
    assert [written(answered) for answered in sidecar.answers(requests)] == answers


def route(request_id: str) -> str:
    """Return a request that is routed if it is valid, and that has the given JSON text as its ID."""
    return '{"request_type": "referral_route", "island": "oahu", "request_id": ' + request_id + "}"


ODD_TEXTS = [
    *(route(f'"{string}"') for string in ("a\u2028b", "\uffff\ufffe", "\x7f\x85", r"a\/b", r"\u001c\b\f\n\r\t\"\\")),
    *(
        route(rf'"{string}"')
        for string in (r"\u0000", r"a\u0000b", r"\u00e9\uFFFF\u20ac", r"\ud83d\ude00", r"\uD83D\uDE00")
    ),
    *(route(rf'"{string}"') for string in (r"\ud83d", r"\ude00x", r"\ude00\ud83d", r"\\ud83d", "\ud83d")),
    route('"%s"' % (r"\ud83d\ude00" * 64)),
    route('"%s"' % (r"\ud83d\ude00" * 65)),
    route('"%s"' % ("x" * 1_000_000)),
    '{"request_type": "referral_route", "island": "mars", "island": "oahu"}',
    '{"request_type": "referral_route", "island": "oahu", "island": "mars"}',
    r'{"request_type": "referral_route", "island": "oahu", "i\u0073land": "mars"}',
    r'{"request_type": "referral_route", "island": "oahu", "island\u0000": 1}',
    r'{"request_type": "referral_route", "island": "oahu", "\u0000": 1, "": 2, "\ud83d": 3, "\ufffd": 4}',
    r'{"request_type": "referral_route", "island": "oahu\u0000"}',
    r'{"request_type": "referral_route\u0000", "island": "oahu"}',
    "[" * 100 + "]" * 100,
    route('{"a":' * 99 + "1" + "}" * 99),
    "[" + "0," * 400_000 + "0]",
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=count())
def test_odd_text(embedded: EmbeddedClient, sidecar: SidecarClient, text: str) -> None:
    decision = embedded.decide_text(text)
    assert written(decision) == written(sidecar.decide_text(text))
    assert [decision] == embedded.decide_texts([text]) == sidecar.decide_texts([text])
    assert written(embedded.answer_text(text)) == written(sidecar.answer_text(text))


NUMBERS = [
    *("2", "2.0", "2.00", "2e0", "20e-1", "0.2e1", "2E+00", "2.0000000000000000000000001", "-2", "-0", "0e0", "1e400"),
    *("1e99999999", "-1e99999999", "1e-99999999", "0e99999999", "0e-99999999", "1e-99999999999999999999"),
    *("18446744073709551616", "1" + "0" * 5000, "2." + "0" * 5000, "0." + "0" * 5000 + "2"),
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: str(number)[:30])
def test_numbers_as_they_are_written(
    embedded: EmbeddedClient, sidecar: SidecarClient, visit: dict[str, Any], number: str
) -> None:
    text = json.dumps(visit)
    places = re.compile(r'(?<=": )\d+')
    in_one_place = [text[: place.start()] + number + text[place.end() :] for place in places.finditer(text)]
    texts = [
        *in_one_place,
        places.sub(number, text),
        text.replace('"2026-03-02"', number),
        number,
        f"[{number}, {number}]",
        route(number),
        f'{{"request_type": {number}}}',
    ]
    assert len(texts) == 12
    for text in texts:
        assert written(embedded.decide_text(text)) == written(sidecar.decide_text(text)), text[:500]
        assert written(embedded.answer_text(text)) == written(sidecar.answer_text(text)), text[:500]
    for one, another in zip(embedded.decide_texts(texts), sidecar.decide_texts(texts), strict=True):
        assert written(one) == written(another)
