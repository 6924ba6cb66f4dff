"""FHIR questionnaires: they ask for every field, and a request becomes a response and comes back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from hypothesis import given
from hypothesis import strategies as st

from proof.strategies import REQUESTS, json_values, paths, pick, value_at
from tests.cli.command import EXAMPLES, ROOT, run
from therapy_policy import EmbeddedClient, QuestionnaireResponseInvalid, RequestError
from therapy_policy.classes import request_types
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.client.validation import validation_errors
from therapy_policy.files import packaged_json
from therapy_policy.interop.questionnaire import (
    OF_THE_PLAN,
    REQUEST_TYPES,
    RequestType,
    content_of,
    questionnaire,
    request_of,
    response_of,
)

SECRET = "Xylophone"
SCHEMA = json.loads((ROOT / "schemas/request.json").read_text(encoding="utf-8"))
requests = st.one_of(*(REQUESTS[name] for name in REQUEST_TYPES))


@pytest.fixture(scope="module")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


def example(request_type: str) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((EXAMPLES / f"{request_type}.json").read_text(encoding="utf-8"))
    return request


def back(request: dict[str, Any]) -> dict[str, Any]:
    return request_of(response_of(request), **{name: request.get(name) for name in OF_THE_PLAN})


def questions(request_type: RequestType) -> Iterator[dict[str, Any]]:
    def inside(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for item in items:
            yield item
            yield from inside(item.get("item", []))

    return inside(questionnaire(request_type)["item"])


# --- the questionnaires


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
def test_a_questionnaire_is_one_of_fhir(request_type: RequestType) -> None:
    Questionnaire.model_validate(questionnaire(request_type))
    found = list(questions(request_type))
    link_ids = [item["linkId"] for item in found]
    assert len(set(link_ids)) == len(link_ids)  # que-2
    for item in found:
        assert (item["type"] == "group") == ("item" in item)  # que-1
        assert ("answerOption" in item) == (item["type"] in ("choice", "open-choice"))  # que-5
        assert "maxLength" not in item or item["type"] in ("text", "open-choice")  # que-10
        assert item["text"]
        assert "text of at most" not in item["text"]  # it says what is asked


def field_paths(schema: Any, path: str = "") -> Iterator[str]:
    """The path of every field of a schema, without positions in lists."""
    while "$ref" in schema or "anyOf" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema["anyOf"][0]
    if "items" in schema:
        yield from field_paths(schema["items"], path)
    for name, field in schema.get("properties", {}).items():
        yield f"{path}/{name}"
        yield from field_paths(field, f"{path}/{name}")


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
def test_every_field_is_asked_once_except_the_plans_own(request_type: RequestType) -> None:
    asked = [item["linkId"] for item in questions(request_type)]
    own = [f"/{name}" for name in ("request_type", *OF_THE_PLAN)]
    assert sorted([*asked, *own]) == sorted(field_paths(SCHEMA["definitions"][request_type]))


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
def test_no_question_asks_for_a_code_of_a_code_system(request_type: RequestType) -> None:
    for item in questions(request_type):
        assert "code" not in item
        assert "answerValueSet" not in item
        assert all("system" not in option["valueCoding"] for option in item.get("answerOption", ()))


def test_the_canonical_url_can_be_the_plans() -> None:
    form = questionnaire("pt_extension", "https://fhir.plan.example/r4/")
    assert form["url"] == "https://fhir.plan.example/r4/Questionnaire/pt-extension"
    response = response_of(example("pt_extension"), "https://fhir.plan.example/r4")
    assert response["questionnaire"] == f"{form['url']}|{form['version']}"
    assert request_of(response)["requested_visits"] == 6


# --- there and back


@given(requests)
def test_a_request_comes_back(client: EmbeddedClient, request: dict[str, Any]) -> None:
    response = response_of(request)
    returned = request_of(response, **{name: request.get(name) for name in OF_THE_PLAN})
    assert returned == content_of(request)
    assert client.decide(returned) == client.decide(request)
    assert response_of(returned) == response


@pytest.mark.parametrize("request_type", REQUEST_TYPES)
def test_a_request_of_each_kind_comes_back(request_type: RequestType) -> None:
    # A field becomes an answer by itself, so one value at a time is enough: each that the rules tell apart, and of the
    # thousand combinations of goals and notes a slice.
    kind = request_types([packaged_json("data.json")], lambda decided: [])[request_type]
    for place, group in enumerate(kind.groups):
        for n, _ in enumerate(group.dimensions):
            values = list({each[n]: each for each in group.values}.values())
            for value in values[:: len(values) // 50 or 1]:
                request = kind.write(kind.with_group(place, value))
                assert back(request) == content_of(request)


@given(requests)
def test_a_response_is_one_of_fhir(request: dict[str, Any]) -> None:
    # The models take no text of white space outside ASCII, which FHIR does not exclude.
    text = json.dumps(response_of(request), ensure_ascii=False)
    for blank in ("\u00a0", "\u3000", "\u2028", "\u0085"):
        text = text.replace(blank, "-")
    QuestionnaireResponse.model_validate(json.loads(text))


def test_what_says_nothing_is_left_out_and_an_empty_list_that_says_none_is_not() -> None:
    request = example("pt_extension")
    request["documentation"] |= {"limiting_issues": [], "planned_interventions": [], "prognosis": None}
    request["documentation"]["notes"][0]["goals_addressed"] = []
    request["documentation"]["goals"][0]["goal_id"] = ""
    request["requested_visits"] = 6.0
    returned = back(request)["documentation"]
    assert returned["limiting_issues"] == []
    assert returned["notes"][0]["goals_addressed"] == []
    assert returned["goals"][0]["goal_id"] == ""
    assert not {"planned_interventions", "prognosis"} & returned.keys()
    assert type(back(request)["requested_visits"]) is int


@pytest.mark.parametrize(
    "request_",
    [
        example("pt_visit"),
        example("pt_referral") | {"specialty": SECRET},
        example("pt_referral") | {SECRET: 1},
        None,
    ],
)
def test_only_a_valid_request_with_a_questionnaire_becomes_a_response(request_: Any) -> None:
    with pytest.raises(RequestError) as raised:
        response_of(request_)
    assert SECRET not in str(raised.value).replace(f"/{SECRET}", "")


# --- what nobody attested pends


def answers_of(response: dict[str, Any]) -> list[tuple[list[Any], int]]:
    """Every item of a response, as the list that it is in and its position."""
    found: list[tuple[list[Any], int]] = []

    def add(items: list[Any]) -> None:
        for at, item in enumerate(items):
            found.append((items, at))
            add(item.get("item", []))

    add(response["item"])
    return found


def complete_plan() -> dict[str, Any]:
    plan = example("pt_treatment_plan")
    goal = {"statement": "a", "measure": "b", "functional_activity": "c", "target_date": "2026-05-01"}
    return plan | {"plan_of_care": plan["plan_of_care"] | {"goals": [goal], "patient_caregiver_education": True}}


@pytest.mark.parametrize("request_", [example("pt_referral"), complete_plan()], ids=lambda each: each["request_type"])
def test_an_answer_that_is_removed_pends(client: EmbeddedClient, request_: dict[str, Any]) -> None:
    whole = response_of(request_)
    request_type: RequestType = request_["request_type"]
    assert client.decide(request_of(whole, benefit_status="covered"))["outcome"] == "authorized"
    required = {item["linkId"] for item in questions(request_type) if item.get("required")}
    for n in range(len(answers_of(whole))):
        response = copy.deepcopy(whole)
        items, at = answers_of(response)[n]
        link_id = items.pop(at)["linkId"]
        if link_id in required:
            with pytest.raises(QuestionnaireResponseInvalid):
                request_of(response)
            continue
        decision = client.decide(request_of(response, benefit_status="covered"))
        if link_id == "/condition/acute_event":  # fewer visits
            assert decision["authorized"]["treatment_visits"] == 5
        elif link_id != "/island":
            assert decision["outcome"] == "pended", link_id
    assert client.decide(request_of(whole))["outcome"] == "pended"  # nobody verified the benefits


def test_a_diagnosis_states_nothing(client: EmbeddedClient) -> None:
    icd = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "S82.001A", "display": "fracture"}
    response = response_of(example("pt_referral"))
    only_required = [each for each in response["item"] if each["linkId"] != "/expected_improvement"]
    response |= {
        "item": only_required,
        "contained": [{"resourceType": "Condition", "code": {"coding": [icd]}}],
        "extension": [{"url": "https://plan.example/diagnosis", "valueCoding": icd}],
    }
    decision = client.decide(request_of(response, benefit_status="covered"))
    undocumented = [each for each in decision["reasons"] if each["code"] == "PT_IMPROVEMENT_UNDOCUMENTED"]
    assert (decision["outcome"], len(undocumented)) == ("pended", 6)

    (condition,) = (each for each in response["item"] if each["linkId"] == "/condition")
    condition["item"][0]["answer"] = [{"valueCoding": icd}]
    assert errors_in(response) == [("/item/2/item/0/answer/0", "/condition/category")]


# --- what is wrong in a response


def errors_in(response: Any) -> list[tuple[str, str | None]]:
    with pytest.raises(QuestionnaireResponseInvalid) as raised:
        request_of(response)
    assert SECRET not in str(raised.value)
    assert str(raised.value).count("\n") == len(raised.value.errors)
    return [(each.place, each.link_id) for each in raised.value.errors]


def changed(path: str, value: Any, request_type: str = "pt_referral") -> dict[str, Any]:
    """The response of an example with one value set or, where it is Ellipsis, removed."""
    response = response_of(example(request_type))
    *parents, last = [int(step) if step.isdecimal() else step for step in path.split("/")[1:]]
    holder = value_at(response, tuple(parents))
    if value is ...:
        del holder[last]
    elif isinstance(holder, list) and last == len(holder):
        holder.append(value)
    else:
        holder[last] = value
    return response


TEXT = {"valueString": SECRET}
VERSION = questionnaire("pt_referral")["version"]
MINOR = VERSION.rpartition(".")[0]
URL = questionnaire("pt_referral")["url"]


@pytest.mark.parametrize(
    ("path", "value", "place", "link_id"),
    [
        ("/resourceType", "Questionnaire", "", None),
        ("/status", "in-progress", "/status", None),
        ("/status", ..., "/status", None),
        ("/questionnaire", ..., "/questionnaire", None),
        ("/questionnaire", f"https://{SECRET}/Questionnaire/other|{VERSION}", "/questionnaire", None),
        ("/questionnaire", URL, "/questionnaire", None),
        ("/questionnaire", f"{URL}|1.0.0", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{SECRET}", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{MINOR}", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{MINOR}.", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{MINOR}.x", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{MINOR}.1-beta", "/questionnaire", None),
        ("/questionnaire", f"{URL}|{MINOR}.\u0661", "/questionnaire", None),
        ("/questionnaire", f"a|{URL}|{VERSION}", "/questionnaire", None),
        ("/implicitRules", SECRET, "/implicitRules", None),
        ("/modifierExtension", [], "/modifierExtension", None),
        ("/item", SECRET, "/item", None),
        ("/item/4", SECRET, "/item/4/linkId", None),
        ("/item/4/linkId", SECRET, "/item/4/linkId", None),
        ("/item/4/linkId", [SECRET], "/item/4/linkId", None),
        ("/item/4/linkId", "/condition/category", "/item/4/linkId", None),
        ("/item/0/answr", [TEXT], "/item/0", "/referral_date"),
        ("/item/0/modifierExtension", [], "/item/0/modifierExtension", "/referral_date"),
        ("/item/0/answer", TEXT, "/item/0/answer", "/referral_date"),
        ("/item/0/answer", [], "", "/referral_date"),
        ("/item/0/item", [], "/item/0/item", "/referral_date"),
        ("/item/0/answer/0", SECRET, "/item/0/answer/0", "/referral_date"),
        ("/item/0/answer/0", TEXT, "/item/0/answer/0", "/referral_date"),
        ("/item/0/answer/0", {"valueDate": "2026-03"}, "/item/0", "/referral_date"),
        ("/item/0/answer/0", {"valueDate": SECRET}, "/item/0", "/referral_date"),
        ("/item/0/answer/0/item", [], "/item/0/answer/0", "/referral_date"),
        ("/item/0/answer/0/valueString", SECRET, "/item/0/answer/0", "/referral_date"),
        ("/item/0/answer/1", {"valueDate": "2026-03-02"}, "/item/0/answer/1", "/referral_date"),
        ("/item/5", {"linkId": "/specialty", "answer": [TEXT]}, "/item/5", "/specialty"),
        ("/item/1/answer/0", {"valueCoding": {"code": SECRET}}, "/item/1/answer/0", "/specialty"),
        ("/item/1/answer/0", {"valueCoding": SECRET}, "/item/1/answer/0", "/specialty"),
        ("/item/2", ..., "", "/condition"),
        ("/item/2/item/0", ..., "/item/2", "/condition/category"),
        ("/item/2/answer", [], "/item/2/answer", "/condition"),
        (
            "/item/3/item/0/answer/0",
            {"valueBoolean": "true"},
            "/item/3/item/0/answer/0",
            "/expected_improvement/measurable",
        ),
        ("/item/3/item/0/answer/0", {"valueBoolean": 1}, "/item/3/item/0/answer/0", "/expected_improvement/measurable"),
    ],
)
def test_an_error_has_its_place(path: str, value: Any, place: str, link_id: str | None) -> None:
    assert errors_in(changed(path, value)) == [(place, link_id)]


DOCUMENTATION = "/item/3/item"


@pytest.mark.parametrize(
    ("path", "value", "place", "link_id"),
    [
        ("/item/2/answer/0", {"valueInteger": 1000}, "/item/2", "/requested_visits"),
        ("/item/2/answer/0", {"valueInteger": 6.0}, "/item/2/answer/0", "/requested_visits"),
        ("/item/2/answer/0", {"valueInteger": True}, "/item/2/answer/0", "/requested_visits"),
        (
            f"{DOCUMENTATION}/0/item/0/answer/0",
            {"valueString": SECRET * 500},
            f"{DOCUMENTATION}/0/item/0",
            "/documentation/goals/goal_id",
        ),
        (
            f"{DOCUMENTATION}/12/answer/0",
            {"valueString": SECRET * 500},
            f"{DOCUMENTATION}/12/answer/0",
            "/documentation/limiting_issues",
        ),
        (f"{DOCUMENTATION}/1/item/0", ..., f"{DOCUMENTATION}/1", "/documentation/goals/goal_id"),
        (
            f"{DOCUMENTATION}/2/item/1/answer/1",
            {"valueCoding": {"code": "none"}},
            f"{DOCUMENTATION}/2/item/1/answer",
            "/documentation/notes/goals_addressed",
        ),
        (
            f"{DOCUMENTATION}/2/item/1/answer/0",
            {"valueCoding": {"code": SECRET}},
            f"{DOCUMENTATION}/2/item/1/answer/0",
            "/documentation/notes/goals_addressed",
        ),
    ],
)
def test_an_error_in_a_list_has_its_place(path: str, value: Any, place: str, link_id: str) -> None:
    assert errors_in(changed(path, value, "pt_extension")) == [(place, link_id)]


def test_every_error_is_named() -> None:
    response = changed("/item/0/answer/0", TEXT)
    response["status"] = "stopped"
    response["item"][1]["linkId"] = SECRET
    assert errors_in(response) == [
        ("/status", None),
        ("/item/0/answer/0", "/referral_date"),
        ("/item/1/linkId", None),
        ("", "/specialty"),
    ]


def test_another_patch_version_asks_the_same() -> None:
    response = response_of(example("pt_referral"))
    response["questionnaire"] = f"{URL}|{MINOR}.99"
    assert request_of(response)["request_type"] == "pt_referral"


URL_OF_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
DECLINED = {"extension": [{"url": URL_OF_REASON, "valueCode": "asked-declined"}]}
MEASURABLE = "/item/3/item/0/answer/0"


@pytest.mark.parametrize("answer", [{"_valueBoolean": DECLINED}, DECLINED])
def test_an_answer_without_a_value_is_no_answer(answer: dict[str, Any]) -> None:
    assert "measurable" not in request_of(changed(MEASURABLE, answer))["expected_improvement"]
    assert errors_in(changed("/item/0/answer/0", {"_valueDate": DECLINED})) == [("", "/referral_date")]


def test_a_text_that_the_provider_declined_to_give_is_not_stated() -> None:
    summary, issues = f"{DOCUMENTATION}/11/answer", f"{DOCUMENTATION}/12/answer"
    for path, answers, name, value in (
        (summary, [{"_valueString": DECLINED}], "response_summary", None),
        (issues, [{"_valueString": DECLINED}], "limiting_issues", None),
        (issues, [{"_valueString": DECLINED}, {"valueString": "swelling"}], "limiting_issues", ["swelling"]),
    ):
        documentation = request_of(changed(path, answers, "pt_extension"))["documentation"]
        assert documentation.get(name) == value
    goal_id = f"{DOCUMENTATION}/0/item/0/answer/0"
    assert errors_in(changed(goal_id, {"_valueString": DECLINED}, "pt_extension")) == [
        (f"{DOCUMENTATION}/0", "/documentation/goals/goal_id")
    ]


def test_only_the_mark_of_an_empty_text_is_an_empty_text() -> None:
    request = example("pt_extension")
    request["documentation"] |= {"response_summary": "", "limiting_issues": [""]}
    response = response_of(request)
    assert URL_OF_REASON not in json.dumps(response)
    documentation = request_of(response)["documentation"]
    assert (documentation["response_summary"], documentation["limiting_issues"]) == ("", [""])
    both = response["item"][3]["item"][11]["answer"][0]["_valueString"]
    both["extension"] += DECLINED["extension"]
    assert "response_summary" not in request_of(response)["documentation"]


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (MEASURABLE, {"_valueBoolean": {}}, MEASURABLE),
        (MEASURABLE, {"valueBoolean": True, "_valueBoolean": DECLINED}, MEASURABLE),
        (MEASURABLE, {"valueBoolean": True, **DECLINED}, MEASURABLE),
        (MEASURABLE, {"valueBoolean": True, "_valueBoolean": {"modifierExtension": []}}, MEASURABLE),
        (MEASURABLE, {"valueBoolean": True, "_valueBoolean": SECRET}, MEASURABLE),
        ("/item/3/item/0/extension", DECLINED["extension"], "/item/3/item/0"),
        ("/item/3/extension", DECLINED["extension"], "/item/3"),
    ],
)
def test_a_value_with_a_reason_why_it_is_absent_is_an_error(path: str, value: Any, place: str) -> None:
    errors = errors_in(changed(path, value))
    assert [each[0] for each in errors] == [place]


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        ({"display": SECRET, "version": "1", "userSelected": True, "id": "a"}, True),
        ({"extension": [{"url": "https://plan.example/x", "valueString": SECRET}]}, True),
        (DECLINED, False),
        ({"_code": DECLINED}, False),
        ({"modifierExtension": []}, False),
        ({"text": SECRET}, False),
        ({"system": None}, False),
    ],
)
def test_a_coding_is_an_option_and_nothing_else(more: dict[str, Any], valid: bool) -> None:
    path = "/item/1/answer/0"
    response = changed(path, {"valueCoding": {"code": "none", **more}})
    if valid:
        assert request_of(response)["specialty"] == "none"
    else:
        assert errors_in(response) == [(path, "/specialty")]
    none = {"answer": [{"valueCoding": {"code": "none", **more}}]}
    issues = changed(f"{DOCUMENTATION}/12", {"linkId": "/documentation/limiting_issues", **none}, "pt_extension")
    if valid:
        assert request_of(issues)["documentation"]["limiting_issues"] == []
    else:
        assert errors_in(issues) == [(f"{DOCUMENTATION}/12/answer/0", "/documentation/limiting_issues")]


def test_a_coding_has_its_reason_to_be_absent_beside_it() -> None:
    path = "/item/1/answer/0"
    assert {*errors_in(changed(path, {"_valueCoding": DECLINED}))} == {(path, "/specialty")}


WHOLE = response_of(example("pt_extension"))
PATHS = paths(WHOLE)
VALUES = [None, 0, 1, True, "x", "none", [], [None], {}, [{}], *(value_at(WHOLE, path) for path in PATHS)]


@given(pick(*PATHS), st.one_of(st.integers(0, len(VALUES) - 1).map(VALUES.__getitem__), json_values()))
def test_any_other_response_gives_a_valid_request_or_errors(path: tuple[str | int, ...], value: Any) -> None:
    response = copy.deepcopy(WHOLE)
    value_at(response, path[:-1])[path[-1]] = copy.deepcopy(value)
    try:
        returned = request_of(response)
    except QuestionnaireResponseInvalid as problem:
        errors: Sequence[Any] = problem.errors
    else:
        errors = () if validation_errors(returned) else (returned,)
    assert errors


# --- the commands


def test_the_commands(tmp_path: Path) -> None:
    assert json.loads(run("questionnaire", "pt_referral").stdout) == questionnaire("pt_referral")
    printed = run("questionnaire-response", EXAMPLES / "pt_extension.json")
    assert printed.returncode == 0, printed.stderr
    plan_adds = ("--request-id", "2026-03-1005", "--benefit-status", "covered")
    request = run("request-from", "--questionnaire-response", "-", *plan_adds, stdin=printed.stdout)
    assert request.returncode == 0, request.stderr
    assert json.loads(request.stdout) == example("pt_extension")


def test_a_form_that_is_filled_in_advance_is_not_completed() -> None:
    printed = run("questionnaire-response", EXAMPLES / "pt_extension.json", "--status", "in-progress")
    response = json.loads(printed.stdout)
    QuestionnaireResponse.model_validate(response)
    assert response["status"] == "in-progress"
    assert errors_in(response) == [("/status", None)]
    wrong = run("questionnaire-response", EXAMPLES / "pt_extension.json", "--status", SECRET)
    assert (wrong.returncode, wrong.stdout) == (2, b"")


def largest_request(length: int) -> dict[str, Any]:
    """An extension with as many answers as its questionnaire takes, and texts that add up to about `length` bytes."""
    request = example("pt_extension")
    documentation = request["documentation"]
    documentation["goals"] = [{"goal_id": f"goal {n}"} for n in range(20)]
    note = {"visit_number": 6, "goals_addressed": [each["goal_id"] for each in documentation["goals"]]}
    documentation["notes"] = [note] * 100
    lists = [
        (documentation["impeding_factors"], "identified"),
        (documentation["prognosis"], "discharge_criteria"),
        (documentation, "limiting_issues"),
    ]
    for holder, name in lists:
        holder[name] = [""] * 200
    rest = length - len(json.dumps(request))
    for holder, name in lists:
        holder[name] = ["a" * (rest // 600)] * 200
    return request


def test_the_response_of_a_request_near_the_limit_is_read(tmp_path: Path) -> None:
    request = largest_request(MAX_REQUEST_BYTES - 1000)
    (tmp_path / "request.json").write_text(json.dumps(request), "utf-8")
    printed = run("questionnaire-response", tmp_path / "request.json")
    assert len(printed.stdout) > MAX_REQUEST_BYTES
    returned = run("request-from", "--questionnaire-response", "-", "--benefit-status", "covered", stdin=printed.stdout)
    assert returned.returncode == 0, returned.stderr
    del request["request_id"]
    assert json.loads(returned.stdout) == request
    assert run("validate", "-", stdin=returned.stdout).returncode == 0


def test_a_response_that_is_too_large_is_refused() -> None:
    response = response_of(largest_request(MAX_REQUEST_BYTES + 5000))
    result = run("request-from", "--questionnaire-response", "-", stdin=json.dumps(response).encode())
    assert (result.returncode, result.stdout) == (2, b"")
    assert "has more than 1,048,576 bytes" in result.stderr.decode()
    response["text"] = {"status": "generated", "div": "x" * (4 << 20)}
    result = run("request-from", "--questionnaire-response", "-", stdin=json.dumps(response).encode())
    assert (result.returncode, result.stdout) == (2, b"")
    assert "has more than 4,194,304 bytes" in result.stderr.decode()


@pytest.mark.parametrize(
    ("base", "valid"),
    [
        ("https://fhir.plan.example/r4", True),
        ("http://localhost:8080/", True),
        ("fhir.plan.example", False),
        ("https://", False),
        ("https://plan.example/a|b", False),
        ("https://plan.example/a b", False),
        ("https://plan.example/a\n", False),
        ("https://plan.example/?a=b", False),
        ("https://plan.example/#a", False),
        ("ftp://plan.example", False),
    ],
)
def test_the_base_is_a_url(base: str, valid: bool) -> None:
    if valid:
        response = response_of(example("pt_referral"), base)
        assert request_of(response)["request_type"] == "pt_referral"
        return
    with pytest.raises(ValueError, match="a URL"):
        questionnaire("pt_referral", base)


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (("questionnaire", "pt_referral", "--base", "a|b"), 2, "--base"),
        (("questionnaire-response", EXAMPLES / "pt_referral.json", "--base", "a|b"), 2, "--base"),
        (("questionnaire", "pt_visit"), 2, "pt_referral, pt_treatment_plan or pt_extension"),
        (("questionnaire-response", EXAMPLES / "pt_visit.json"), 2, "has no questionnaire"),
        (("questionnaire-response", EXAMPLES / "bad_request.json"), 2, ": expected "),
        (("request-from", "--questionnaire-response", EXAMPLES / "pt_visit.json"), 1, "expected a FHIR"),
        (("request-from", "--questionnaire-response", "pyproject.toml"), 2, "does not hold a questionnaire response"),
        (
            ("request-from", "--questionnaire-response", "-", "--benefit-status", "yes"),
            2,
            "/benefit_status: expected covered",
        ),
    ],
)
def test_the_errors_of_the_commands(arguments: tuple[str | Path, ...], status: int, expected: str) -> None:
    result = run(*arguments, stdin=json.dumps(response_of(example("pt_referral"))).encode())
    assert (result.returncode, result.stdout) == (status, b"")
    assert expected in result.stderr.decode()
    assert b"Traceback" not in result.stderr
