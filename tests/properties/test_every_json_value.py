"""Whatever is sent, the answer is a decision or a clear refusal, and the next request is answered.

Over HTTP that is a decision or a 4xx; from a client a decision or a TherapyPolicyError. A strange way to send a request
never gets it what the same request, plainly sent, would not get.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import http.client
import itertools
import json
import math
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from proof import oracle, strategies
from proof.comparison import without_wording
from proof.strategies import Json, mostly, pick
from tests.properties.published import any_requests, nearly_valid_requests, put
from tests.running import RunningSidecar, opa_reads_large_exponents
from therapy_policy import Decision, EmbeddedClient, SidecarClient, TherapyPolicyError

EXAMPLES = Path(__file__).parents[2] / "examples"
SECONDS = 60.0

APPROVED: dict[str, Any] = {
    "request_type": "pt_visit",
    "benefit_status": "covered",
    "service_date": "2026-03-02",
    "specialty": "none",
    "tier": "nonacute",
    "visit": {"number": 2, "kind": "treatment", "units": 4, "units_already_authorized": 0},
    "progress_note_number": 2,
    "prior_visits": {"evaluation": 1, "treatment": 0},
    "plan_of_care_complete": True,
}
TEXT = json.dumps(APPROVED)
BODY = f'{{"input": {TEXT}}}'.encode()

NUMBERS = {
    "huge exponent": "1e99999999",
    "huge negative": "-1e99999999",
    "tiny": "1e-99999999",
    "tiny negative": "-1e-99999999",
    "no exponent at all": "0e99999999",
    "over a double": "-1e400",
    "under a double": "1e-400",
    "4,300 digits": "1" + "0" * 4299,
    "10,000 digits": "-" + "9" * 10_000,
    "a long fraction": "0." + "1" * 5000,
    "nearly four": "4." + "0" * 5000 + "1",
    "four with an exponent of 5,000 digits": "4e" + "0" * 5000,
    "four": "4." + "0" * 5000,
}

LARGE_EXPONENTS = ("huge exponent", "huge negative", "tiny", "tiny negative")

# --- How to ask, and what an answer may be ---------------------------------------------------------------------------


def message(body: bytes, *headers: str, path: str = "decision", length: str | None = None) -> bytes:
    """An HTTP request as bytes; `length` is what it says of its body, "" for nothing."""
    lines = [f"POST /v1/data/therapy/{path} HTTP/1.1", "Host: sidecar", "Connection: close", *headers]
    if length != "":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def exchange(sidecar: RunningSidecar, sent: bytes, seconds: float = SECONDS) -> tuple[int, bytes] | None:
    """Send bytes to the sidecar and return status and content of its answer; None if it waits for more."""
    port = int(sidecar.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connected:
        # It may answer, and stop reading, before it was sent all.
        with contextlib.suppress(ConnectionError):
            connected.sendall(sent)
        connected.settimeout(seconds)
        with contextlib.closing(http.client.HTTPResponse(connected)) as answer:
            try:
                answer.begin()
            except TimeoutError:
                return None
            return answer.status, answer.read()


def decision_or_refusal(answer: tuple[int, bytes] | None) -> Any:
    """Return the decision, or the list of them, that is answered; None for a clear refusal."""
    assert answer is not None, "the sidecar waits for more"
    status, content = answer
    if status == http.HTTPStatus.OK:
        result = json.loads(content)["result"]
        for decision in result if isinstance(result, list) else [result]:
            assert decision["outcome"] in OUTCOMES
            assert decision["outcome"] in APPROVALS or decision["authorized"]["units"] == 0
        return result
    if status == http.HTTPStatus.INTERNAL_SERVER_ERROR and not opa_reads_large_exponents():
        assert json.loads(content)["message"].startswith("invalid number: ")
        return None
    assert 400 <= status < 500, answer
    assert b"code" in content or content == b"400 Bad Request"
    return None


OUTCOMES = ("authorized", "partially_authorized", "denied", "pended", "not_applicable", "routed", "invalid_request")
APPROVALS = OUTCOMES[:2]


def assert_well(sidecar: RunningSidecar, asking: SidecarClient) -> None:
    """The sidecar lives, and decides the next request."""
    assert sidecar.process.poll() is None
    assert asking.ready()
    assert asking.decide(APPROVED)["outcome"] == "authorized"


def answer_of(ask: Callable[[Any], Decision | list[Decision]], asked: object) -> str:
    """What a client answers, or which error it raises."""
    try:
        return json.dumps(ask(asked), sort_keys=True)
    except TherapyPolicyError as error:
        return type(error).__name__


# --- Numbers at every place ------------------------------------------------------------------------------------------


def texts_with(number: str) -> Iterator[str]:
    """Every example, with the number instead of each value in it, in each list, and as a member that is unknown."""
    mark = "the number is here"
    yield number
    for path in sorted(EXAMPLES.glob("*.json")):
        example = json.loads(path.read_text(encoding="utf-8"))
        for place in strategies.paths(example):
            changed = copy.deepcopy(example)
            put(changed, place, mark)
            yield json.dumps(changed).replace(f'"{mark}"', number)
        for place in [(), *strategies.paths(example)]:
            changed = copy.deepcopy(example)
            holder = strategies.value_at(changed, place)
            if isinstance(holder, list):
                holder.append(mark)
            elif isinstance(holder, dict):
                holder["unknown"] = mark
            else:
                continue
            yield json.dumps(changed).replace(f'"{mark}"', number)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_at_every_place(
    sidecar: RunningSidecar, embedded: EmbeddedClient, asking_sidecar: SidecarClient, name: str
) -> None:
    texts = list(texts_with(NUMBERS[name]))
    assert len(texts) > 250
    expected = [oracle.decide(oracle.parse(text)) for text in texts]
    for client in (embedded, asking_sidecar):
        assert [without_wording(decision) for decision in client.decide_texts(texts)] == expected
        # One by one as well, some of them.
        assert [without_wording(client.decide_text(text)) for text in texts[::10]] == expected[::10]
    assert_well(sidecar, asking_sidecar)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_where_no_request_should_be(sidecar: RunningSidecar, asking_sidecar: SidecarClient, name: str) -> None:
    number = NUMBERS[name]
    bodies = [number, f"[{number}]", f'{{"input": {number}}}', f'{{"requests": {number}}}', f'{{"x": {number}}}']
    inputs = [f'{{"requests": {number}}}', f'{{"requests": [{number}, {TEXT}]}}', f'{{"requests": [[{number}]]}}']
    for path in ("decision", "decisions"):
        for body in (*bodies, *(f'{{"input": {each}}}' for each in inputs)):
            answer = exchange(sidecar, message(body.encode(), path=path))
            result = decision_or_refusal(answer)
            if name in LARGE_EXPONENTS and not opa_reads_large_exponents():
                assert result is None
                continue
            assert result is not None
            value: Any = oracle.parse(body)
            given_input = value.get("input", oracle.MISSING) if isinstance(value, dict) else oracle.MISSING
            if path == "decision":
                assert without_wording(result) == oracle.decide(given_input)
            else:
                assert [without_wording(each) for each in result] == oracle.decide_many(given_input)
    assert_well(sidecar, asking_sidecar)


# --- Bodies and headers over HTTP ------------------------------------------------------------------------------------


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def twice(first: str, last: str) -> bytes:
    return BODY.replace(b'"covered"', f'"{first}", "benefit_status": "{last}"'.encode())


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def bomb_of_aliases() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    return "\n".join([*lines, "input: *h"]).encode()


JSON, YAML, GZIP, CHUNKED = (
    "Content-Type: application/json",
    "Content-Type: application/x-yaml",
    "Content-Encoding: gzip",
    "Transfer-Encoding: chunked",
)
LARGE = b'{"input": "' + b"x" * (2 << 20) + b'"}'
INVALID = "invalid_request"

# What is sent, and the one outcome that it may have: that of the request in it, as a person reads it. Everything may be
# refused; "" where it must be.
SENT: dict[str, tuple[bytes, str]] = {
    "as it should be": (message(BODY, JSON), "authorized"),
    "nothing": (message(b""), INVALID),
    "white space": (message(b" \r\n"), INVALID),
    "no JSON": (message(b"input"), ""),
    "half of it": (message(BODY[: len(BODY) // 2]), ""),
    "more after it": (message(BODY + b" x"), ""),
    "the same after it": (message(BODY + BODY), ""),
    "one bracket too many": (message(BODY + b"}"), ""),
    "NaN": (message(b'{"input": NaN}'), ""),
    "Infinity": (message(b'{"input": -Infinity}'), ""),
    "a byte order mark": (message(b"\xef\xbb\xbf" + BODY), "authorized"),
    "UTF-16": (message(BODY.decode().encode("utf-16")), "authorized"),
    "UTF-16, and says so": (message(BODY.decode().encode("utf-16"), f"{JSON}; charset=utf-16"), "authorized"),
    "UTF-32": (message(BODY.decode().encode("utf-32")), "authorized"),
    "a byte that is not UTF-8": (message(BODY.replace(b"covered", b"covered\xff")), INVALID),
    "a null byte": (message(b"\0"), ""),
    "null bytes after it": (message(BODY + b"\0\0"), ""),
    "a member twice, good last": (
        message(BODY.replace(b'"covered"', b'"not_covered","benefit_status":"covered"')),
        "authorized",
    ),
    "a member twice, bad last": (
        message(BODY.replace(b'"covered"', b'"covered","benefit_status":"not_covered"')),
        "denied",
    ),
    "input twice, good last": (message(b'{"input": null, ' + BODY[1:]), "authorized"),
    "input twice, bad last": (message(BODY[:-1] + b', "input": null}'), INVALID),
    "halves of input": (message(b'{"input": ' + BODY[10:-2] + b'}, "input": {"request_type": "pt_visit"}}'), INVALID),
    "Input": (message(b'{"Input"' + BODY[8:]), INVALID),
    "not inside input": (message(TEXT.encode()), INVALID),
    "2 MiB": (message(LARGE), ""),
    "2 MiB of spaces": (message(b" " * (2 << 20) + BODY), ""),
    "plain text": (message(BODY, "Content-Type: text/plain"), "authorized"),
    "XML": (message(BODY, "Content-Type: application/xml"), "authorized"),
    "a form": (message(BODY, "Content-Type: application/x-www-form-urlencoded"), "authorized"),
    "no such type": (message(BODY, "Content-Type: ;;;"), "authorized"),
    "two types": (message(BODY, JSON, YAML), "authorized"),
    "JSON as YAML": (message(BODY, YAML), "authorized"),
    "YAML": (message(b"input:\n  request_type: referral_route\n  island: oahu\n", YAML), "routed"),
    "YAML as JSON": (message(b"input:\n  request_type: referral_route\n  island: oahu\n", JSON), ""),
    "YAML with an infinity": (message(b"input: .inf", YAML), ""),
    "YAML with a huge number": (message(BODY.replace(b'"units": 4', b'"units": 1e99999999'), YAML), INVALID),
    "YAML with nearly four": (message(BODY.replace(b'"units": 4', b'"units": 4.00000000000000000001'), YAML), INVALID),
    "YAML with a null for a name": (message(b"input: {null: 1}", YAML), INVALID),
    "YAML in a circle": (message(b"input: &a [*a]", YAML), INVALID),
    "YAML of many aliases": (message(bomb_of_aliases(), YAML), INVALID),
    "YAML, deep": (message(b"input: " + b"[" * 20_000 + b"]" * 20_000, YAML), INVALID),
    "YAML, 2 MiB": (message(LARGE, YAML), ""),
    "gzip": (message(zipped(BODY), GZIP), "authorized"),
    "gzip unsaid": (message(zipped(BODY)), ""),
    "gzip cut off": (message(zipped(BODY)[:-9], GZIP), ""),
    "gzip with a wrong sum": (message(zipped(BODY)[:-8] + b"\0" * 8, GZIP), ""),
    "gzip of 50 MiB": (message(zipped(b'{"input": "' + b"x" * (50 << 20) + b'"}'), GZIP), ""),
    "gzip of gzip": (message(zipped(zipped(BODY)), GZIP), ""),
    "deflate that is none": (message(BODY, "Content-Encoding: deflate"), "authorized"),
    "chunks": (message(chunks(BODY[:7], BODY[7:]), CHUNKED, length=""), "authorized"),
    "chunks, and a length": (message(chunks(BODY), CHUNKED), "authorized"),
    "chunks of a wrong size": (message(b"zz\r\n" + chunks(BODY), CHUNKED, length=""), ""),
    "chunks of a negative size": (message(b"-1\r\n" + chunks(BODY), CHUNKED, length=""), ""),
    "2 MiB in chunks": (message(chunks(*[LARGE[:65_536]] * 32), CHUNKED, length=""), ""),
    "white space of 2 MiB after it, in chunks": (
        message(chunks(BODY, *[b" " * 65_536] * 32), CHUNKED, length=""),
        "authorized",
    ),
    "something after it, in chunks": (message(chunks(BODY, *[b"x" * 65_536] * 32), CHUNKED, length=""), ""),
    "another after it, in chunks": (message(chunks(BODY, BODY), CHUNKED, length=""), ""),
    "no length": (message(BODY, length=""), INVALID),
    "length 0": (message(BODY, length="0"), INVALID),
    "too short a length": (message(BODY, length=str(len(BODY) - 1)), ""),
    "a negative length": (message(BODY, length="-1"), ""),
    "a length in words": (message(BODY, length="ten"), ""),
    "a length of 30 digits": (message(BODY, length="9" * 30), ""),
    "a length of 2 GiB": (message(BODY, length=str(2 << 30)), ""),
    "two lengths": (message(BODY, f"Content-Length: {len(BODY) - 1}"), ""),
}


@pytest.mark.parametrize("name", SENT)
def test_whatever_is_sent_is_decided_or_refused(
    sidecar: RunningSidecar, asking_sidecar: SidecarClient, name: str
) -> None:
    sent, outcome = SENT[name]
    for path in (b"therapy/decision", b"therapy/decisions"):
        result = decision_or_refusal(exchange(sidecar, sent.replace(b"therapy/decision", path, 1)))
        if result is not None and path == b"therapy/decision":
            assert result["outcome"] == outcome
        elif result is not None:
            assert [decision["outcome"] for decision in result] == [INVALID]
    assert_well(sidecar, asking_sidecar)


def test_what_says_that_it_is_gzip_and_is_none_is_never_decided(
    sidecar: RunningSidecar, asking_sidecar: SidecarClient
) -> None:
    # If it has unzipped nothing before, OPA 1.21 hangs up on it without a word. That is not a decision either.
    for path in ("decision", "decisions"):
        with contextlib.suppress(http.client.RemoteDisconnected):
            assert decision_or_refusal(exchange(sidecar, message(BODY, GZIP, path=path))) is None
    assert_well(sidecar, asking_sidecar)


@pytest.mark.parametrize(
    "unfinished",
    [
        message(BODY, length=str(len(BODY) + 1)),
        message(BODY, length=str(len(BODY) + 1_000_000)),
        message(b"5\r\nab", CHUNKED, length=""),
        message(b"%x\r\n%s\r\n" % (len(BODY), BODY), CHUNKED, length=""),
        message(b"ffffffffffffffff\r\n" + BODY, CHUNKED, length=""),
        message(BODY)[:40],
        b"",
    ],
    ids=itertools.count(),
)
def test_what_is_never_finished_is_never_decided(
    sidecar: RunningSidecar, asking_sidecar: SidecarClient, unfinished: bytes
) -> None:
    assert exchange(sidecar, unfinished, seconds=0.3) is None
    assert_well(sidecar, asking_sidecar)


@pytest.mark.parametrize(
    "line", [b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"POST /v1 HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0"]
)
def test_what_is_no_http_is_refused(sidecar: RunningSidecar, asking_sidecar: SidecarClient, line: bytes) -> None:
    answer = exchange(sidecar, line + b"\r\n\r\n")
    assert answer is not None
    assert 400 <= answer[0] < 500 or answer[0] == http.HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
    assert_well(sidecar, asking_sidecar)


def clean_equivalent(body: bytes) -> dict[str, Any] | None:
    """The oracle's decision on a body, each byte that is not UTF-8 replaced; None if it is not JSON even then."""
    try:
        value = oracle.parse(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return oracle.decide(value.get("input", oracle.MISSING) if isinstance(value, dict) else oracle.MISSING)


@st.composite
def spoilt_bodies(draw: DrawFn) -> bytes:
    """The body of a request that is authorized, with some of its bytes cut out or replaced."""
    body = BODY
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.integers(0, 3))
        body = body[:start] + draw(st.one_of(st.binary(max_size=3), pick(*WEDGES))) + body[end:]
    return body


WEDGES = (
    *(b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\0", b"\\ud800", b"\\u0000"),
    *(b'"', b"}", b",", b":", b"[", b"1e99999999", b"NaN"),
)


@given(st.one_of(spoilt_bodies(), st.binary(max_size=100)))
def test_any_bytes(sidecar: RunningSidecar, asking_sidecar: SidecarClient, body: bytes) -> None:
    result = decision_or_refusal(exchange(sidecar, message(body)))
    if result is not None and body:
        clean = clean_equivalent(body)
        assert clean is not None, "JSON to the sidecar alone"
        assert (result["outcome"], result["authorized"]) == (clean["outcome"], clean["authorized"])
    assert_well(sidecar, asking_sidecar)


# --- JSON text, as strange as it may be ------------------------------------------------------------------------------

escapes = pick(r'"\ud83d\ude00"', r'"\ud83d"', r'"\ude00\ud83d"', r'"\u0000"', r'"\/"', '"\u2028"', r'"cover\u0065d"')
towers = pick("[" * 60 + "]" * 60, '{"a":' * 60 + "0" + "}" * 60)


@st.composite
def json_texts(draw: DrawFn) -> str:
    """Text that is JSON: a request with numbers, strings and nesting that few have, and with members twice."""
    oddities = st.one_of(pick(*NUMBERS.values()), escapes, towers)
    odd = mostly(st.just(None), oddities, 12)
    stated_before = mostly(st.just(None), st.one_of(oddities, pick("null", "{}", '"covered"')), 20)

    def write(value: Json) -> str:
        written: str | None = draw(odd)
        if written is not None:
            return written
        if isinstance(value, dict):
            members = []
            for name, member in value.items():
                if (earlier := draw(stated_before)) is not None:
                    members.append(f"{json.dumps(name)}: {earlier}")
                members.append(f"{json.dumps(name)}: {write(member)}")
            return "{" + ", ".join(members) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(write(element) for element in value) + "]"
        return json.dumps(value)

    return write(draw(st.one_of(strategies.valid_requests(), nearly_valid_requests, strategies.json_values())))


def as_characters(value: Json) -> Json:
    """The value with U+FFFD for each half of a pair of surrogates, which stands for no character."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {as_characters(name): as_characters(member) for name, member in value.items()}
    return [as_characters(element) for element in value] if isinstance(value, list) else value


@given(json_texts())
def test_any_json_text(
    sidecar: RunningSidecar, embedded: EmbeddedClient, asking_sidecar: SidecarClient, text: str
) -> None:
    expected = oracle.decide(as_characters(oracle.parse(text)))
    by_clients = [client.decide_text(text) for client in (embedded, asking_sidecar)]
    plainly = decision_or_refusal(exchange(sidecar, message(f'{{"input": {text}}}'.encode())))
    if plainly is None:
        assert any(NUMBERS[name] in text for name in LARGE_EXPONENTS)
        assert not opa_reads_large_exponents()
    else:
        by_clients.append(plainly)
    for decision in by_clients:
        assert without_wording(decision) == expected
    assert_well(sidecar, asking_sidecar)


@given(st.one_of(st.binary(max_size=100), spoilt_bodies().map(lambda body: body[len(b'{"input": ') : -1])))
def test_clients_agree_on_any_bytes(embedded: EmbeddedClient, asking_sidecar: SidecarClient, text: bytes) -> None:
    answer = answer_of(embedded.decide_text, text)
    assert answer == answer_of(asking_sidecar.decide_text, text)
    assert answer_of(embedded.decide_texts, [TEXT, text]) == answer_of(asking_sidecar.decide_texts, [TEXT, text])
    if answer not in REFUSALS:
        expected = oracle.decide(as_characters(oracle.parse(text.decode())))
        assert without_wording(json.loads(answer)) == expected


REFUSALS = ("RequestNotJson", "RequestTooLarge")

# The limit of a client is defined in one place; it is repeated here because both clients keep to it.
FULL = TEXT.encode() + b" " * ((1 << 20) - len(TEXT))
TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "RequestNotJson"),
    "half of it": (TEXT[: len(TEXT) // 2].encode(), "RequestNotJson"),
    "twice": (TEXT.encode() * 2, "RequestNotJson"),
    "NaN": (b"NaN", "RequestNotJson"),
    "Infinity in it": (TEXT.replace("4", "Infinity").encode(), "RequestNotJson"),
    "a byte order mark": (b"\xef\xbb\xbf" + TEXT.encode(), "RequestNotJson"),
    "UTF-16": (TEXT.encode("utf-16"), "RequestNotJson"),
    "UTF-32": (TEXT.encode("utf-32"), "RequestNotJson"),
    "Latin-1": ('{"é": 1}'.encode("latin-1"), "RequestNotJson"),
    "half a pair, raw": (TEXT.encode().replace(b"covered", b"\xed\xa0\x80"), "RequestNotJson"),
    "as many bytes as there may be": (FULL, "authorized"),
    "one more": (FULL + b" ", "RequestTooLarge"),
    "2 MiB": (b" " * (2 << 20), "RequestTooLarge"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_clients_agree_on_text(embedded: EmbeddedClient, asking_sidecar: SidecarClient, name: str) -> None:
    text, expected = TEXTS[name]
    for client in (embedded, asking_sidecar):
        answer, answers = answer_of(client.decide_text, text), answer_of(client.decide_texts, [TEXT, text])
        if expected in REFUSALS:
            assert (answer, answers) == (expected, expected)
        else:
            assert json.loads(answers) == [client.decide_text(TEXT), json.loads(answer)]
            assert json.loads(answer)["outcome"] == expected


# --- Values that json.loads never gives, and some that it does -------------------------------------------------------

odd_scalars = st.one_of(
    pick(math.nan, math.inf, -math.inf, 1e308, 5e-324, -0.0, 4.0, 2**63, -(2**64), 10**4299, 10**4300, -(10**9999)),
    pick("\ud800", "\udfff\ud800", "\ud83d\ude00", "\x00", "\ufeff", "x" * 65, "😀" * 64),
    pick(None, True, b"bytes", {"a set"}, object()),
)


@st.composite
def odd_values(draw: DrawFn) -> Json:
    """A request, or any JSON value, with something odd at some of its places."""
    value = copy.deepcopy(draw(any_requests))
    for _ in range(draw(st.integers(0, 3))):
        found = strategies.paths(value)
        if not found:
            return draw(odd_scalars)
        put(value, draw(st.sampled_from(found)), draw(odd_scalars))
    return value


@given(odd_values())
def test_clients_agree_on_any_value(embedded: EmbeddedClient, asking_sidecar: SidecarClient, value: Json) -> None:
    answer = answer_of(embedded.decide, value)
    assert answer == answer_of(asking_sidecar.decide, value)
    many = [APPROVED, value, APPROVED]
    assert answer_of(embedded.decide_many, many) == answer_of(asking_sidecar.decide_many, many)
    if answer not in REFUSALS:
        assert without_wording(json.loads(answer)) == oracle.decide(as_characters(value))


# --- Deep nesting ----------------------------------------------------------------------------------------------------

LEVELS = (50, 99, 100, 101, 500, 5000, 9990, 100_000)


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('{"input":', "}"), ('[{"requests":', "}]")]
)
def test_nesting(
    sidecar: RunningSidecar,
    embedded: EmbeddedClient,
    asking_sidecar: SidecarClient,
    levels: int,
    opening: str,
    closing: str,
) -> None:
    tower = opening * levels + TEXT + closing * levels
    for text in (tower, TEXT[:-1] + f', "plan_of_care_complete": {tower}}}', TEXT[:-1] + f', "unknown": {tower}}}'):
        answer = answer_of(embedded.decide_text, text)
        assert answer == answer_of(asking_sidecar.decide_text, text)
        assert answer in REFUSALS or json.loads(answer)["outcome"] == INVALID
        for body in (f'{{"input": {text}}}', text, text[: len(text) // 2]):
            for path in ("decision", "decisions"):
                result = decision_or_refusal(exchange(sidecar, message(body.encode(), path=path)))
                for decision in result if isinstance(result, list) else [result]:
                    assert decision is None or decision["outcome"] == INVALID
    assert_well(sidecar, asking_sidecar)
