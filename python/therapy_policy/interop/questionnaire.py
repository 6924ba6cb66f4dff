"""FHIR R4 questionnaires for what a provider states, and their responses as requests and back.

The three Questionnaires are generated from schemas/request.json. The linkId of an item is the JSON Pointer of its field
in the request, without positions in lists, so a response states a request field by field and nothing else does. What
nobody answered is not stated in the request, and pends.

A request and its response state the same, and each can be made from the other. FHIR has no empty lists and no empty
texts, so two lists have the option `none`, and an empty text is an answer with the extension `EMPTY_TEXT` instead of a
value. Only `response_of` writes that extension; an answer with a data-absent-reason does not count. The request comes
back as `content_of` returns it.

The plan's own facts, `request_id` and `benefit_status`, are not asked of a provider.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from therapy_policy.client.validation import validation_errors
from therapy_policy.errors import QuestionnaireResponseInvalid, RequestError, ResponseError
from therapy_policy.files import packaged_json

Json = dict[str, Any]

# A request has at most 1 MiB, and its response more: each answer has its linkId, and other systems write longer JSON.
MAX_RESPONSE_BYTES = 4 << 20

Status = Literal["completed", "in-progress"]
RequestType = Literal["pt_referral", "pt_treatment_plan", "pt_extension"]
REQUEST_TYPES: tuple[RequestType, ...] = ("pt_referral", "pt_treatment_plan", "pt_extension")
OF_THE_PLAN = ("request_id", "benefit_status")

DATA_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
EMPTY_TEXT = {
    "extension": [{"url": "https://therapy-policy.example/fhir/StructureDefinition/empty-text", "valueBoolean": True}]
}
ATTESTED = ("completed", "amended")

# The value of an answer, by the type of its question: its name in FHIR, and what it is.
VALUES = {
    "boolean": ("valueBoolean", "true or false"),
    "integer": ("valueInteger", "a whole number"),
    "date": ("valueDate", "a date"),
    "text": ("valueString", "a text"),
    "choice": ("valueCoding", "one of the options, without a system"),
    "open-choice": ("valueString", "a text"),
}
ELEMENTS_OF_ITEM = {"linkId", "definition", "text", "answer", "item", "_linkId", "_definition", "_text"}
ELEMENTS_OF_CODING = {"code", "display", "version", "userSelected"}  # without a system, as the options are
ELEMENTS = {"id", "extension"}  # of every element; other extensions than the two above change no answer


def questionnaire(request_type: RequestType, base: str | None = None) -> Json:
    """Return the FHIR R4 Questionnaire of a request type, as JSON.

    `base` is the URL of the plan's FHIR server, such as https://fhir.plan.example/r4, for the canonical URL.

    Raises `ValueError` if `base` cannot be the start of a canonical URL.
    """
    content: Json = packaged_json(f"questionnaires/{request_type}.json")
    if base is not None:
        check_base(base)
        content["url"] = f"{base.rstrip('/')}/Questionnaire/{content['id']}"
    return content


def check_base(base: str) -> None:
    """Raise `ValueError` if a canonical URL with a version cannot start with `base`."""
    if not (_BASE.fullmatch(base) and base.isascii() and base.isprintable()):
        raise ValueError("expected a URL such as https://fhir.plan.example/r4, without spaces and the characters | ? #")


@cache
def _questionnaire(request_type: RequestType) -> Json:
    return questionnaire(request_type)


def request_type_of(response: Any, base: str | None = None) -> RequestType | None:
    """Return which of the questionnaires a QuestionnaireResponse says that it answers; None if none of them.

    With `base`, the URL of the plan's FHIR server, only those at this address count.
    """
    canonical = response.get("questionnaire") if isinstance(response, dict) else None
    match = _CANONICAL.fullmatch(canonical) if isinstance(canonical, str) else None
    if match and base is not None and match["server"] != f"{base.rstrip('/')}/":
        return None
    identity = match["id"].replace("-", "_") if match else None
    return next((each for each in REQUEST_TYPES if each == identity), None)


def request_of(response: Any, *, request_id: str | None = None, benefit_status: str | None = None) -> Json:
    """Return the request that a QuestionnaireResponse states, as JSON.

    `request_id` and `benefit_status` are what the plan adds; without `benefit_status`, the request pends.

    Raises `QuestionnaireResponseInvalid` with every error in the response, and `RequestError` if what the plan adds is
    invalid.
    """
    reading = _Reading()
    request_type = _request_type_of(response, reading)
    if request_type is None:
        raise QuestionnaireResponseInvalid(reading.errors)
    added = {"request_id": request_id, "benefit_status": benefit_status}
    request: Json = {"request_type": request_type}
    request |= {name: value for name, value in added.items() if value is not None}
    request |= reading.group(response, _questionnaire(request_type)["item"], "", "")
    invalid = validation_errors(request)
    for error in invalid:
        if (place := reading.places.get(error.path)) is not None:
            reading.wrong(*place, f"expected {error.expected}, found {error.found}")
    if reading.errors:
        raise QuestionnaireResponseInvalid(reading.errors)
    for error in invalid:
        raise RequestError(f"{error.path}: expected {error.expected}, found {error.found}")
    return request


def response_of(request: Any, base: str | None = None, *, status: Status = "completed") -> Json:
    """Return the QuestionnaireResponse that states the same as a request, as JSON.

    `status` is "completed" for what a provider attested, and "in-progress" for a form that the provider is to complete.
    `request_of` does not take a response that is in progress.

    Raises `RequestError` if the request is invalid, or of a type without a questionnaire, and `ValueError` as
    `questionnaire` does.
    """
    fields = content_of(request)
    form = questionnaire(fields["request_type"], base)
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{form['url']}|{form['version']}",
        "status": status,
        "item": _items(fields, form["item"]),
    }


def content_of(request: Any) -> Json:
    """Return a request without what says nothing: null, and empty lists, except where an empty list is an answer.

    The decision on it is the same. Raises `RequestError` as `response_of` does.
    """
    for error in validation_errors(request):
        raise RequestError(f"{error.path or 'the request'}: expected {error.expected}, found {error.found}")
    request_type = request["request_type"]
    if request_type not in REQUEST_TYPES:
        raise RequestError(f"a request of its type has no questionnaire, only {', '.join(REQUEST_TYPES)}")
    added = {name: request[name] for name in OF_THE_PLAN if request.get(name) is not None}
    return {"request_type": request_type, **added, **_content(request, _questionnaire(request_type)["item"])}


def _content(fields: Mapping[str, Any], questions: list[Json]) -> Json:
    result: Json = {}
    for question in questions:
        name = _name(question)
        value: Any = fields.get(name)
        if value is None or (value == [] and question["type"] != "open-choice"):
            continue
        if question["type"] == "group":
            inner = question["item"]
            value = [_content(each, inner) for each in value] if _repeats(question) else _content(value, inner)
        result[name] = int(value) if question["type"] == "integer" else value
    return result


def _name(question: Json) -> str:
    """The name of a question's field in its object."""
    name: str = question["linkId"].rpartition("/")[2]
    return name


def _repeats(question: Json) -> bool:
    return bool(question.get("repeats"))


# --- a request as a response


def _items(fields: Json, questions: list[Json]) -> list[Json]:
    items: list[Json] = []
    for question in questions:
        if (value := fields.get(_name(question))) is None:
            continue
        values = value if _repeats(question) else [value]
        if question["type"] == "group":
            items += [_group(question, each) for each in values]
        else:
            answers = [_answer(question, each) for each in values] or [dict(question["answerOption"][0])]
            items.append({"linkId": question["linkId"], "answer": answers})
    return items


def _group(question: Json, fields: Json) -> Json:
    inner = _items(fields, question["item"])
    return {"linkId": question["linkId"]} | ({"item": inner} if inner else {})


def _answer(question: Json, value: Any) -> Json:
    if value == "":
        return {"_valueString": copy.deepcopy(EMPTY_TEXT)}
    if question["type"] == "choice":
        return dict(next(each for each in question["answerOption"] if each["valueCoding"]["code"] == value))
    return {VALUES[question["type"]][0]: value}


# --- a response as a request

_BASE = re.compile(r"https?://[^\s|?#]+")
_CANONICAL = re.compile(r"(?P<server>[^\s|]*/)?Questionnaire/(?P<id>[a-z-]+)(?:\|.*)?")
_VERSION = re.compile(r"([0-9]+\.[0-9]+)\.[0-9]+")
_UNUSABLE = object()
_NONE = object()


def _request_type_of(response: Any, reading: _Reading) -> RequestType | None:
    """Return which questionnaire a response answers, or None; add what is wrong with the response as a whole."""
    if not isinstance(response, dict) or response.get("resourceType") != "QuestionnaireResponse":
        reading.wrong("", None, "expected a FHIR QuestionnaireResponse as JSON")
        return None
    for name in ("implicitRules", "modifierExtension"):
        if name in response:
            reading.wrong(f"/{name}", None, "can change what the answers mean, and is not understood")
    if response.get("status") not in ATTESTED:
        reading.wrong("/status", None, f"expected {' or '.join(ATTESTED)}: the answers are not final yet")
    request_type = request_type_of(response)
    if request_type is None:
        one_of = ", ".join(f"Questionnaire/{_questionnaire(each)['id']}" for each in REQUEST_TYPES)
        reading.wrong("/questionnaire", None, f"expected the canonical URL, with its version, of {one_of}")
        return None
    version, ours = response["questionnaire"].partition("|")[2], str(_questionnaire(request_type)["version"])
    # A patch version of the policy changes only wording, so its questions mean the same.
    if _minor(version) != _minor(ours):
        what = "it answers the questionnaire of another policy" if version else "it has no version"
        reading.wrong("/questionnaire", None, f"{what}; this policy is {ours}")
        return None
    return request_type


def _minor(version: str) -> str | None:
    match = _VERSION.fullmatch(version)
    return match[1] if match else None


@dataclass
class _Reading:
    """Reads the answers of a response. `places` has the place and the linkId of each field of the request."""

    errors: list[ResponseError] = field(default_factory=list)
    places: dict[str, tuple[str, str]] = field(default_factory=dict)

    def wrong(self, place: str, link_id: str | None, problem: str) -> None:
        self.errors.append(ResponseError(place, link_id, problem))

    def group(self, holder: Json, questions: list[Json], place: str, pointer: str) -> Json:
        """Return the fields that the items of the response, or of one of its groups, state."""
        by_link_id = {question["linkId"]: question for question in questions}
        fields: Json = {}
        names: set[str] = set()
        items = holder.get("item", [])
        if not isinstance(items, list):
            self.wrong(f"{place}/item", None, "expected a list")
            return fields
        for at, item in enumerate(items):
            here = f"{place}/item/{at}"
            link_id = item.get("linkId") if isinstance(item, dict) else None
            question = by_link_id.get(link_id) if isinstance(link_id, str) else None
            if question is None:
                self.wrong(f"{here}/linkId", None, "the questionnaire has no such question at this place")
                continue
            link_id, name = question["linkId"], _name(question)
            self.check_elements(item, ELEMENTS_OF_ITEM, here, link_id)
            if name in names and not (question["type"] == "group" and _repeats(question)):
                self.wrong(here, link_id, "is answered a second time")
                continue
            names.add(name)
            if _is_absent(item) and (item.get("answer") or item.get("item")):
                self.wrong(here, link_id, "has an answer, and a reason why it has none")
                continue
            of_field = f"{pointer}/{name}"
            if question["type"] != "group":
                value = self.answers(item, question, here, of_field)
                if value is None:
                    names.discard(name)
                elif value is not _UNUSABLE:
                    fields[name] = value
                    self.places[of_field] = here, link_id
                continue
            self.places.setdefault(of_field, (here, link_id))
            if "answer" in item:
                self.wrong(f"{here}/answer", link_id, "is a group, which has no answer of its own")
            if _repeats(question):
                elements = fields.setdefault(name, [])
                of_field = f"{of_field}/{len(elements)}"
                self.places[of_field] = here, link_id
                elements.append(self.group(item, question["item"], here, of_field))
            else:
                fields[name] = self.group(item, question["item"], here, of_field)
        for question in questions:
            if question.get("required") and _name(question) not in names:
                self.wrong(place, question["linkId"], "is required, and has no answer")
        return fields

    def answers(self, item: Json, question: Json, here: str, pointer: str) -> Any:
        """Return what an item states: a value, a list, None if nothing, or `_UNUSABLE` after adding an error."""
        link_id, answers = question["linkId"], item.get("answer", [])
        if "item" in item:
            self.wrong(f"{here}/item", link_id, "is a question, which has no items of its own")
            return _UNUSABLE
        if not isinstance(answers, list):
            self.wrong(f"{here}/answer", link_id, "expected a list")
            return _UNUSABLE
        if len(answers) > 1 and not _repeats(question):
            self.wrong(f"{here}/answer/1", link_id, "has a second answer, and takes only one")
            return _UNUSABLE
        by_position = {at: self.value(answer, question, f"{here}/answer/{at}") for at, answer in enumerate(answers)}
        places = [at for at, value in by_position.items() if value is not None]
        values = [by_position[at] for at in places]
        if _UNUSABLE in values:
            return _UNUSABLE
        if _NONE in values:
            if len(answers) > 1:
                self.wrong(f"{here}/answer", link_id, "has the answer none, and others")
                return _UNUSABLE
            return []
        if not _repeats(question):
            return values[0] if values else None
        self.places |= {f"{pointer}/{n}": (f"{here}/answer/{at}", link_id) for n, at in enumerate(places)}
        return values or None

    def value(self, answer: Any, question: Json, here: str) -> Any:
        """Return the value of an answer, None if it is absent for a reason, or `_NONE` or `_UNUSABLE`."""
        link_id, kind = question["linkId"], question["type"]
        name, what = VALUES[kind]
        if not isinstance(answer, dict):
            self.wrong(here, link_id, f"expected an answer with {name}")
            return _UNUSABLE
        values = {each for each in answer if each.startswith("value")}
        about = {} if name == "valueCoding" else {f"_{name}": answer.get(f"_{name}", {})}
        self.check_elements(answer, {*values, *about}, here, link_id)
        absent = _is_absent(answer)
        for element in about.values():
            if not isinstance(element, dict) or element.keys() - ELEMENTS:
                self.wrong(here, link_id, f"has an element in _{name} that FHIR R4 does not have there")
                return _UNUSABLE
            absent = absent or _is_absent(element)
        if absent:
            if not values:
                return None
            self.wrong(here, link_id, "has a value, and a reason why it has none")
            return _UNUSABLE
        if not values and about.get("_valueString") == EMPTY_TEXT:
            return ""
        options = [each["valueCoding"]["code"] for each in question.get("answerOption", ())]
        if kind == "open-choice" and values == {"valueCoding"}:
            if _code(answer["valueCoding"]) in options:
                return _NONE
        elif values == {name}:
            value = _code(answer[name]) if kind == "choice" else answer[name]
            if _is_of(kind, value) and (kind != "choice" or value in options):
                return value
        wanted = f"{what}, or the option none" if kind == "open-choice" else what
        self.wrong(here, link_id, f"expected {name}: {wanted}")
        return _UNUSABLE

    def check_elements(self, element: Json, known: set[str], here: str, link_id: str) -> None:
        if "modifierExtension" in element:
            self.wrong(f"{here}/modifierExtension", link_id, "can change what the answer means, and is not understood")
        if element.keys() - known - ELEMENTS - {"modifierExtension"}:
            self.wrong(here, link_id, "has an element that FHIR R4 does not have there, or that is not understood")


def _is_absent(value: Any) -> bool:
    extensions = value.get("extension") if isinstance(value, dict) else None
    return isinstance(extensions, list) and any(
        isinstance(each, dict) and each.get("url") == DATA_ABSENT_REASON for each in extensions
    )


def _code(coding: Any) -> Any:
    """The code of a Coding that says nothing else than which option it is; None for any other value."""
    if not isinstance(coding, dict) or coding.keys() - ELEMENTS_OF_CODING - ELEMENTS or _is_absent(coding):
        return None
    return coding.get("code")


def _is_of(kind: str, value: Any) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)
