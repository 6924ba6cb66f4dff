"""What a request asks: the request without what the rules cannot tell apart.

Two requests that ask the same get the same decision, except for the `request_id` that it repeats. So a question that
many requests ask is decided once. Three things are taken out:

- `request_id` becomes `PLACEHOLDER`.
- What a free text says: it becomes a token, as in the sidecar's decision log. Equal texts get equal tokens. The fields
  that never hold one are the policy's `plain_fields`. They and the places that the log's mask knows are made from the
  same schema.
- Each date becomes one of the first days of its period. A period starts on each date in the policy's parameters.
  Several dates of one request stay as many dates, in the same order.

Which fields these are, and where the periods start, is in the data of the policy. Nothing here knows what a field is
for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from therapy_policy.client.decision import published_in
from therapy_policy.client.request_text import RequestText, checked_text

PLACEHOLDER = "q"  # a valid `request_id`

# White space has none of these characters, so a text with one of them is present, and so is its token.
_PRESENT = re.compile("[0-9A-Za-z]")


class Question(NamedTuple):
    """A question as JSON text, with what the request has of its own.

    `request_id` is None if the request has no valid one. `date` is the valid date that decides about the request
    (YYYY-MM-DD), or None.
    """

    asked: RequestText
    request_id: str | None
    date: str | None


class Questions:
    """Reduces requests to questions that are safe for one policy, or for several together."""

    def __init__(self, policies: Sequence[Mapping[str, Any]]) -> None:
        """`policies` is the data of each policy, as `Bundle.data` gives it."""
        self.request_ids = [published_in(data).request_id for data in policies]
        requests = [data["therapy"]["request"] for data in policies]
        self.date_field: dict[str, str] = requests[0]["date_fields"]
        self.date_names = set.intersection(*(_names_of_dates(request["forms"]) for request in requests))
        # An early policy without the list says nothing about free texts, so all stay as they are.
        self._replaces_texts = all("plain_fields" in request for request in requests)
        self._plain = {name for request in requests for name in request.get("plain_fields", {})}
        self._most_characters = min(request["forms"]["text"]["most"] for request in requests)
        self._days = sorted(set.intersection(*({*_days_of(data)} for data in policies)))
        self._position = {day: position for position, day in enumerate(self._days)}
        dates = {text for data in policies for text in _texts_in(data["therapy"]["parameters"])}
        self._starts = sorted({0} | {self._position[text] for text in dates if text in self._position})

    def of(self, text: str | bytes) -> Question:
        """Return the question that a request asks, given as JSON text.

        Raises `RequestNotJson` or `RequestTooLarge`.
        """
        checked = checked_text(text)
        try:
            request = _decoder.decode(checked.text)
        except ValueError:  # only equal texts of such a request are the same question
            request = json.loads(checked.text, parse_int=float)
            return Question(checked, self._valid_id(checked.request_id), self._date_of(request, checked))
        if not isinstance(request, dict):
            return Question(checked, None, None)
        request_id = self._valid_id(checked.request_id)
        if request_id is not None:
            request["request_id"] = PLACEHOLDER
        date = self._date_of(request, checked)
        tokens: dict[str, str] = {}
        dates: list[tuple[dict[str, Any], str]] = []
        self._replace_texts(request, tokens, dates)
        self._replace_dates(dates)
        asked_id = checked.request_id if request_id is None else PLACEHOLDER
        return Question(RequestText(_encoder.encode(request), checked.request_type, asked_id), request_id, date)

    def start_of_period(self, date: str) -> str | None:
        """Return the first day of the period of a date, or None if it is not a valid date."""
        position = self._position.get(date)
        return None if position is None else self._days[self._starts[self._period(position)]]

    def _date_of(self, request: Any, checked: RequestText) -> str | None:
        date = request.get(self.date_field.get(checked.request_type or "")) if isinstance(request, dict) else None
        return date if isinstance(date, str) and date in self._position else None

    def _period(self, position: int) -> int:
        return bisect_right(self._starts, position) - 1

    def _valid_id(self, request_id: str | None) -> str | None:
        if request_id is None or not all(valid.fullmatch(request_id) for valid in self.request_ids):
            return None
        return request_id

    def _replace_texts(
        self, holder: dict[str, Any], tokens: dict[str, str], dates: list[tuple[dict[str, Any], str]]
    ) -> None:
        for name, value in holder.items():
            if isinstance(value, str):
                if name in self.date_names:
                    if value in self._position:
                        dates.append((holder, name))
                elif self._is_free(name):
                    holder[name] = self._token(value, tokens)
            elif isinstance(value, dict):
                self._replace_texts(value, tokens, dates)
            elif isinstance(value, list):
                for index, element in enumerate(value):
                    if isinstance(element, dict):
                        self._replace_texts(element, tokens, dates)
                    elif isinstance(element, str) and self._is_free(name):
                        value[index] = self._token(element, tokens)

    def _is_free(self, name: str) -> bool:
        return self._replaces_texts and name not in self._plain

    def _token(self, text: str, tokens: dict[str, str]) -> str:
        if len(text) > self._most_characters or not _PRESENT.search(text):
            return text  # too long or perhaps blank; no token is either
        return tokens.setdefault(text, f"text {len(tokens) + 1}")

    def _replace_dates(self, dates: list[tuple[dict[str, Any], str]]) -> None:
        later: dict[str, str] = {}
        last_period, later_in_period = -1, 0
        for date in sorted({holder[name] for holder, name in dates}):
            period = self._period(self._position[date])
            later_in_period = later_in_period + 1 if period == last_period else 0
            last_period = period
            later[date] = self._days[self._starts[period] + later_in_period]
        for holder, name in dates:
            holder[name] = later[holder[name]]


def _names_of_dates(forms: Mapping[str, Any]) -> set[str]:
    """The names of fields that are dates wherever they occur."""
    kinds: dict[str, set[str]] = {}
    for form in forms.values():
        # Policies up to 1.0.0 call the fields members.
        for name, of_field in (form.get("fields") or form.get("members") or {}).items():
            kinds.setdefault(name, set()).add(forms[of_field]["kind"])
    return {name for name, of_name in kinds.items() if of_name == {"date"}}


def _days_of(data: Mapping[str, Any]) -> Iterator[str]:
    calendar = data["therapy"]["lib"]["calendar"]
    for year, kind in calendar["years"].items():
        yield from (year + day for day in calendar["days"][kind])


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(each)


def _not_plain(number: str) -> NoReturn:
    raise ValueError("a number that Python might write in another way than the request does")


# Python refuses an integer with thousands of digits, and writes any other as it was; -0 is 0 for the policy too.
_decoder = json.JSONDecoder(parse_float=_not_plain)
_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
