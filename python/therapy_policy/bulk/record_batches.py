"""Decide Arrow record batches in one process, each distinct question once.

A request comes as JSON text or as columns. Columns become text first (see `columns.py`). Then, for a whole batch of
lines at a time, `request_id` and the date are taken out of the text, and equal lines are put together. Only lines that
are new in this process are parsed; `question` takes out the rest. Only questions that are new are decided.

Taking something out of text without parsing it is safe only in lines without a backslash: there, every quote starts or
ends a string. So the name of a field that occurs once in quotes before a colon is that field, and no other. All
other lines are parsed. Whether the field is the one of the request or of an object inside it, the decision tells: it
repeats the placeholder, or it does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from therapy_policy.bulk.arrow_schema import AGAINST_COLUMNS, DECISION_COLUMNS, REQUEST_ID, decision_schema
from therapy_policy.bulk.question import PLACEHOLDER, Question, Questions
from therapy_policy.client.decision import Client, Decision
from therapy_policy.client.embedded import EmbeddedClient
from therapy_policy.client.request_text import MAX_REQUEST_BYTES, RequestText, checked_text
from therapy_policy.errors import EngineError, RequestNotJson, RequestTooLarge
from therapy_policy.files import packaged_file

if TYPE_CHECKING:
    from therapy_policy.policy.bundles import Bundle

MAX_ROWS = 16_384  # decided at a time
MAX_REMEMBERED = 200_000  # lines, questions or decisions, in one process; then all are forgotten
MAX_REMEMBERED_BYTES = 128 << 20

_NULL = Question(checked_text("null"), None, None)  # how a line that is not JSON is decided
# For an ID and a date. Lines that have marks have no other backslash. A key with an ID has a quote more at its end.
_ID_MARK, _DATE_MARK = b'\\i"', b"\\d"
_HEAD_BYTES = 1 << 16
_TO_THE_END = 1 << 24  # far above the largest request; Arrow computes wrongly with much larger numbers
_OWN = ""  # the month of a line is that of its own date


class Policy(NamedTuple):
    """A policy to decide by, as bytes that another process can receive. None is the one of this package."""

    wasm: bytes | None = None
    data: bytes | None = None  # JSON, already checked

    @classmethod
    def of(cls, bundle: Bundle) -> Policy:
        """Return the policy of a bundle."""
        return cls(bundle.wasm, json.dumps(bundle.data).encode())

    def client(self) -> EmbeddedClient:
        return EmbeddedClient(self.wasm, self.data, checked=False)

    def values(self) -> Any:
        return json.loads(packaged_file("data.json").read_bytes() if self.data is None else self.data)


class Decided(NamedTuple):
    """The decisions on the requests of a batch, in order: row `codes[i]` of `table` is the decision on request i."""

    codes: pa.Array  # int32
    request_ids: pa.Array  # of strings; null if the decision repeats none
    months: pa.Array  # YYYY-MM of the date that decides; null if there is no valid one
    table: pa.Table  # the columns of `decision_schema` without `request_id`, then those of `HELPERS`
    new_questions: int  # questions that were decided for this batch

    def columns(self, schema: pa.Schema) -> pa.RecordBatch:
        """Return the decisions as columns, by `decision_schema`."""
        rows = self.table.take(self.codes)
        columns = [self.request_ids]
        for name in schema.names[1:]:
            columns.append(self._around_ids("decision") if name == "decision" else _one_chunk(rows[name]))
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def json_lines(self, decision_texts: bool) -> memoryview:
        """Return the same as JSON Lines, if the decider was created with `rows_as_json`."""
        lines = self._around_ids("row")
        if decision_texts:
            whole = pc.fill_null(self._around_ids("decision"), "null")
            lines = pc.binary_join_element_wise(lines, ',"decision":', whole, "")
        lines = pc.binary_join_element_wise(lines, "}\n", "")
        return memoryview(lines.buffers()[2] or b"")[: pc.sum(pc.binary_length(lines)).as_py() or 0]

    def _around_ids(self, name: str) -> pa.Array:
        before, after = (_one_chunk(self.table[f"{name}_{where}"].take(self.codes)) for where in ("before", "after"))
        quoted = pc.binary_join_element_wise('"', self.request_ids, '"', "")
        return pc.binary_join_element_wise(before, pc.fill_null(quoted, "null"), after, "")


HELPERS = (
    ("repeats_id", pa.bool_()),
    ("decision_before", pa.string()),  # the decision as JSON up to the request's ID
    ("decision_after", pa.string()),
    ("row_before", pa.string()),  # the columns as a JSON object without its last brace, up to the request's ID
    ("row_after", pa.string()),
)


class Decider:
    """Decides batches in this process and remembers what it decided. Not for several threads.

    `decision_texts` adds the whole decision as JSON, and `rows_as_json` is for output as JSON Lines.

    Raises `EngineNotAvailable`; deciding also raises `EngineError` if the engine decides nothing any more.
    """

    def __init__(
        self,
        policy: Policy = Policy(),  # noqa: B008
        against: Policy | None = None,
        *,
        decision_texts: bool = False,
        rows_as_json: bool = False,
    ) -> None:
        policies = [policy] if against is None else [policy, against]
        self.clients: list[Client] = [each.client() for each in policies]
        self.questions = Questions([each.values() for each in policies])
        self.schema = decision_schema(against=against is not None, decision_texts=decision_texts)
        self._in_table = pa.schema(
            [self.schema.field(name) for name in self.schema.names[1:] if name != "decision"] + list(HELPERS)
        )
        self._decision_texts, self._rows_as_json = decision_texts, rows_as_json
        # All of a kind: a line that another pattern would refuse is parsed, which checks each.
        self._valid_id = f"^{self.questions.request_ids[0].pattern}$"
        self._forget()

    def _forget(self) -> None:
        self._lines: dict[bytes, tuple[int, str | None]] = {}  # code and month
        self._codes: dict[str, int] = {}  # of questions
        self._rows: dict[tuple[Any, ...], int] = {}
        self._new_rows: list[tuple[Any, ...]] = []
        self._table = self._in_table.empty_table()
        self._remembered_bytes = 0

    def decide(self, lines: pa.Array) -> Decided:
        """Decide requests given as JSON texts, an array of strings or binaries; null is decided as a text `null`."""
        if len(self._lines) + len(self._codes) > MAX_REMEMBERED or self._remembered_bytes > MAX_REMEMBERED_BYTES:
            self._forget()
        self._decided_questions = 0
        lines = pc.fill_null(lines.cast(pa.binary()) if lines.type != pa.binary() else lines, b"null")
        keys, ids, dates = self._keys(lines)
        encoded = keys.dictionary_encode()
        codes, months = self._resolve(encoded.dictionary.to_pylist())
        codes, months = codes.take(encoded.indices), months.take(encoded.indices)
        months = pc.if_else(pc.equal(months, _OWN), pc.utf8_slice_codeunits(dates, 0, 7), months)
        if keys.null_count:
            parsed = pc.is_null(keys)
            answers = self._answers(lines.filter(parsed).to_pylist())
            codes = pc.replace_with_mask(codes, parsed, pa.array([code for code, _ in answers], pa.int32()))
            questions = [question for _, question in answers]
            ids = pc.replace_with_mask(ids, parsed, pa.array([each.request_id for each in questions], pa.string()))
            own = [each.date and each.date[:7] for each in questions]
            months = pc.replace_with_mask(months, parsed, pa.array(own, pa.string()))
        table = self._whole_table()
        repeats = _one_chunk(table["repeats_id"]).take(codes)
        ids = pc.if_else(repeats, ids, None)
        return Decided(codes, ids, months, table, self._decided_questions)

    def _keys(self, lines: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return, for each line, what identifies its question, its ID and its date; null keys for lines to parse."""
        text = _bytes_of(lines)
        cut = _Cut(lines, text, REQUEST_ID)
        ids, after = cut.value_and_rest()
        valid = pc.and_(pc.equal(cut.times, 1), pc.match_substring_regex(ids, self._valid_id))
        plain = pc.or_(valid, pc.equal(cut.times, 0))
        if len(text) > MAX_REQUEST_BYTES:  # without its ID, a line that is too long may not be
            plain = pc.and_(plain, pc.less_equal(pc.binary_length(lines), MAX_REQUEST_BYTES))
        if cut.has_other_spellings(text):  # then a line without the usual one may have another
            plain = pc.and_(plain, pc.equal(pc.count_substring(lines, cut.name), cut.times))
        if b"\\" in text:
            plain = pc.and_(plain, pc.invert(pc.match_substring(lines, "\\")))
        keys = _where(valid, cut.around(_ID_MARK, after), lines)
        ids = _where(valid, ids, None).cast(pa.string())
        keys, dates = self._without_dates(keys, text)
        return _where(plain, keys, None), ids, dates

    def _without_dates(self, keys: pa.Array, text: bytes) -> tuple[pa.Array, pa.Array]:
        """Take the date out of each key that has only one; return the keys and the dates."""
        names = sorted(self.questions.date_names)
        cuts = [_Cut(keys, text, name) for name in names if f'"{name}"'.encode() in text[:_HEAD_BYTES]]
        dates = pa.nulls(len(keys), pa.string())
        if not cuts:
            return keys, dates
        times = reduce(pc.add, [cut.times for cut in cuts])
        # All their names have the same end, so no text has more of them than of that end.
        if text.count(_common_end(names).encode() + b'"') != (pc.sum(times).as_py() or 0):
            return keys, dates
        without = keys
        for cut in cuts:
            here = pc.and_(pc.equal(times, 1), pc.equal(cut.times, 1))
            date, after = pc.binary_slice(cut.rest, 0, 10), pc.binary_slice(cut.rest, 10, _TO_THE_END)
            here = pc.and_(here, pc.starts_with(after, '"'))
            here = pc.and_(here, pc.match_substring_regex(date, "^[0-9-]{10}$"))
            dates = pc.if_else(here, pc.if_else(here, date, b"").cast(pa.string()), dates)
            without = _where(here, cut.around(_DATE_MARK, after), without)
        known = dates.dictionary_encode()
        starts = [each and self.questions.start_of_period(each) for each in known.dictionary.to_pylist()]
        starts = pa.array(starts, pa.binary()).take(known.indices)
        valid = pc.is_valid(starts)
        keys = _where(valid, pc.binary_join_element_wise(without, starts, b"\n"), keys)
        return keys, _where(valid, dates, None)

    def _resolve(self, keys: list[bytes]) -> tuple[pa.Array, pa.Array]:
        """Return the code of each key and the month of its date."""
        lines = self._lines
        new = [key for key in keys if key not in lines]
        for key, (code, question) in zip(new, self._answers([*map(_text_of_key, new)]), strict=True):
            month = question.date and question.date[:7]
            lines[key] = code, _OWN if month and _DATE_MARK in key else month
            self._remembered_bytes += len(key)
        found = [lines[key] for key in keys]
        return pa.array([code for code, _ in found], pa.int32()), pa.array([month for _, month in found], pa.string())

    def _answers(self, texts: list[bytes]) -> list[tuple[int, Question]]:
        """Parse requests; return the code of the decision on each, and its question."""
        questions = [self._question(text) for text in texts]
        new = {each.asked.text: each.asked for each in questions if each.asked.text not in self._codes}
        for text, code in zip(new, self._decide([*new.values()]), strict=True):
            self._codes[text] = code
            self._remembered_bytes += len(text)
        return [(self._codes[each.asked.text], each) for each in questions]

    def _question(self, text: bytes) -> Question:
        try:
            return self.questions.of(text)
        except (RequestNotJson, RequestTooLarge):
            return _NULL

    def _decide(self, questions: list[RequestText]) -> list[int]:
        """Decide questions by each policy; return the number of the row in the table for each."""
        if not questions:
            return []
        self._decided_questions += len(questions)
        decisions = [_decide_each(client, questions) for client in self.clients]
        codes = []
        for each in zip(*decisions, strict=True):
            row = self._row(*each)
            if (code := self._rows.get(row)) is None:
                code = self._rows[row] = len(self._rows)
                self._new_rows.append((*row, *self._row_as_json(row)))
            codes.append(code)
        return codes

    def _row(self, now: Decision | str, against: Decision | str | None = None) -> tuple[Any, ...]:
        """Return the columns of a decision, and the helpers but the last two."""
        not_decided = now if isinstance(now, str) else against if isinstance(against, str) else None
        values = _columns_of(now)
        row = [*values.values(), not_decided]
        if against is not None:
            others = _columns_of(against)
            row += [others[name] for name in AGAINST_COLUMNS]
            compared = [name for name in AGAINST_COLUMNS if name not in ("reasons", "policy_version")]
            row.append(None if not_decided else any(values[name] != others[name] for name in compared))
        # A decision that is missing says nothing about the ID, which is then repeated.
        row.append(isinstance(now, str) or now["request_id"] is not None)
        if self._decision_texts and not isinstance(now, str):
            row += _around_id(_json({**now, REQUEST_ID: _MARK}, sort_keys=True))
        else:
            row += (None, None)
        return tuple(row)

    def _row_as_json(self, row: tuple[Any, ...]) -> tuple[str, str] | tuple[None, None]:
        if not self._rows_as_json:
            return None, None
        columns = dict(zip([name for name in self.schema.names[1:] if name != "decision"], row, strict=False))
        return _around_id(_json({REQUEST_ID: _MARK, **columns})[:-1])

    def _whole_table(self) -> pa.Table:
        if self._new_rows:
            columns = zip(*self._new_rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, self._in_table, strict=True)]
            new = pa.Table.from_arrays(arrays, schema=self._in_table)
            self._table = pa.concat_tables([self._table, new]).combine_chunks()
            self._new_rows = []
        return self._table


def decide_batches(
    batches: Iterable[pa.RecordBatch],
    policy: Policy = Policy(),  # noqa: B008
    against: Policy | None = None,
    *,
    text_column: str | None = None,
    decision_texts: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Decide the requests of record batches, each of its rows one request, in order.

    With `text_column`, the requests are JSON texts in that column. Otherwise they are the columns of `request_schema`.
    The decisions are columns as in `decision_schema`. Raises what `Decider` does.
    """
    from therapy_policy.bulk.columns import texts_of_columns

    decider = Decider(policy, against, decision_texts=decision_texts)
    for batch in batches:
        for part in in_parts(batch):
            texts = part.column(text_column) if text_column is not None else texts_of_columns(part)
            yield decider.decide(texts).columns(decider.schema)


Rows = TypeVar("Rows", pa.Array, pa.RecordBatch)


def in_parts(rows: Rows) -> Iterator[Rows]:
    """Yield the rows, as many at a time as are decided together."""
    for first in range(0, len(rows), MAX_ROWS):
        yield rows.slice(first, MAX_ROWS)


def _decide_each(client: Client, questions: list[RequestText]) -> Sequence[Decision | str]:
    """Decide questions; where the engine fails, the result is why."""
    try:
        return client.decide_checked(questions)
    except EngineError as error:
        if error.decisions is None:
            raise
        return [decision or error.problem for decision in error.decisions]


def _columns_of(decision: Decision | str) -> dict[str, Any]:
    if isinstance(decision, str):
        return dict.fromkeys(name for name, _ in DECISION_COLUMNS)
    authorized, route, reasons = decision["authorized"], decision["route"], decision["reasons"]
    return {
        "request_type": decision["request_type"],
        "outcome": decision["outcome"],
        "units": authorized["units"],
        "evaluation_visits": authorized["evaluation_visits"],
        "treatment_visits": authorized["treatment_visits"],
        "max_units_per_visit": authorized["max_units_per_visit"],
        "procedure_codes": tuple(authorized["procedure_codes"]),
        "authorized_under": tuple(decision["authorized_under"]),
        "reasons": tuple(dict.fromkeys(reason["code"] for reason in reasons)),
        "interpretations": tuple(dict.fromkeys(filter(None, (reason["interpretation"] for reason in reasons)))),
        "route_chapter": route and route["chapter"],
        "route_network": route and route["network"],
        "policy_version": decision["policy_version"],
    }


class _Cut:
    """Lines, cut at the text value of a field: as `"name": "` or `"name":"`, whichever most of the first lines have."""

    def __init__(self, lines: pa.Array, text: bytes, name: str) -> None:
        """`text` is that of all lines."""
        self.name = f'"{name}"'
        head = text[:_HEAD_BYTES]
        self.spelling = max((self.name + ': "', self.name + ':"'), key=lambda each: head.count(each.encode()))
        # With one more at the end, each line has a part behind the first.
        parts = pc.split_pattern(pc.binary_join_element_wise(lines, self.spelling.encode(), b""), self.spelling)
        self.times = pc.subtract(pc.list_value_length(parts), 2)
        self.before, self.rest = pc.list_element(parts, 0), pc.list_element(parts, 1)

    def has_other_spellings(self, text: bytes) -> bool:
        """Whether the name occurs in quotes in another way too, somewhere."""
        return text.count(self.name.encode()) != (pc.sum(self.times).as_py() or 0)

    def around(self, mark: bytes, rest: pa.Array) -> pa.Array:
        """Return the lines with a mark in place of the value."""
        return pc.binary_join_element_wise(self.before, f'{self.name}:"'.encode() + mark, rest, b"")

    def value_and_rest(self) -> tuple[pa.Array, pa.Array]:
        """Return the value, and the line behind its quote, with a quote at the end."""
        parts = pc.split_pattern(pc.binary_join_element_wise(self.rest, b'"', b""), '"', max_splits=1)
        return pc.list_element(parts, 0), pc.list_element(parts, 1)


def _where(condition: pa.Array, value: pa.Array, other: pa.Array | None) -> pa.Array:
    """Return `value` where a condition without nulls is true, and `other` elsewhere."""
    return value if pc.all(condition).as_py() else pc.if_else(condition, value, other)


def _common_end(names: list[str]) -> str:
    return next(names[0][at:] for at in range(len(names[0]) + 1) if all(each.endswith(names[0][at:]) for each in names))


def _bytes_of(lines: pa.Array) -> bytes:
    """Return the text of all lines, one behind the other."""
    if not len(lines):
        return b""
    _, offsets, text = lines.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(lines) + 1, [None, offsets], offset=lines.offset)
    first, last = ends[0].as_py(), ends[len(lines)].as_py()
    return text.slice(first, last - first).to_pybytes() if text else b""


def _text_of_key(key: bytes) -> bytes:
    start = b""
    if _DATE_MARK in key:
        key, _, start = key.rpartition(b"\n")
    if _ID_MARK in key:
        key = key[:-1].replace(_ID_MARK, f'{PLACEHOLDER}"'.encode())
    return key.replace(_DATE_MARK, start)


_MARK = "\0"  # for the ID
_ID_IN_JSON = '"request_id":"\\u0000"'  # never inside a string, where its quotes would have backslashes


def _around_id(text: str) -> tuple[str, str]:
    before, _, after = text.partition(_ID_IN_JSON)
    return f'{before}"request_id":', after


def _json(value: object, *, sort_keys: bool = False) -> str:
    return json.dumps(value, sort_keys=sort_keys, ensure_ascii=False, separators=(",", ":"))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
