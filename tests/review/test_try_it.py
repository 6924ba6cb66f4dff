"""Requests are tried on a page, by the policy itself in a real browser; it decides as the sidecar does."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from rich.console import Console

from tests.cli.command import EXAMPLES, ROOT, as_printed, run
from tests.review.browser import Watched, watched_page
from therapy_policy import Decision, EmbeddedClient, SidecarClient
from therapy_policy.client.decision import Client
from therapy_policy.explain import explain
from therapy_policy.files import packaged_json
from therapy_policy.policy import bundles
from therapy_policy.policy.releases import releases_of, version_number
from therapy_policy.review.site import Site
from therapy_policy.review.try_it import PACKAGE, policy_before

WORKED: list[dict[str, Any]] = json.loads((PACKAGE / "examples.json").read_text(encoding="utf-8"))
PUBLISHED = sorted(EXAMPLES.glob("*.json"))
BEFORE = [
    release.version
    for release in releases_of(ROOT)
    if version_number(release.version) < version_number(bundles.packaged_bundle().version)
][-1]
SCHEMA = packaged_json("request.schema.json")
TITLES = {
    kind: SCHEMA["definitions"][kind]["title"] for kind in SCHEMA["properties"]["request_type"]["enum"]
}  # of each request type


def decision_on(page: Page) -> str:
    return page.locator("#try-decision").text_content() or ""


def expect_decision(page: Page, text: str | bytes, client: Client) -> Decision:
    """Check that the page shows the decision on the request of this text, in the command's words."""
    decision = client.decide_text(text)
    expect(page.locator("#try-decision")).to_have_text(as_printed(decision).decode().rstrip("\n"))
    assert decision_on(page) + "\n" == as_printed(decision).decode()
    assert words_of_page(page) == words_of_command(decision)
    return decision


WORDS = """() => {
  const others = [...document.querySelectorAll("[data-page-only]")];
  others.forEach((each) => (each.hidden = true));
  const texts = ["try-outcome", "try-explanation"].map((id) => document.getElementById(id).innerText);
  others.forEach((each) => (each.hidden = false));
  return texts.join(" ");
}"""


def words_of_page(page: Page) -> list[str]:
    """The words of the page that the command prints, too."""
    text: str = page.evaluate(WORDS)
    return text.split()


def words_of_command(decision: Decision) -> list[str]:
    console = Console(file=io.StringIO(), width=100_000, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        explain(decision, console)
    lines = (re.sub(r"^ *[0-9]+\. ", "", line).rstrip() for line in captured.get().splitlines())
    return " ".join(re.sub(r"  \(/.*\)$", "", line) for line in lines).split()


def choose_type(page: Page, kind: str) -> None:
    page.get_by_label("Type of request").select_option(kind)


def decide(page: Page) -> None:
    page.get_by_role("button", name="Decide", exact=True).click()


def put_json(page: Page, text: str) -> None:
    open_details(page, "The request as JSON")
    page.get_by_label("The request that the policy gets").fill(text)
    decide(page)


def open_details(page: Page, summary: str) -> None:
    details = page.locator("details", has=page.get_by_text(summary, exact=True))
    if details.get_attribute("open") is None:
        details.locator("summary").click()


def asked_on(page: Page) -> str:
    return page.locator("#try-json").input_value()


# --- the same decisions


def test_every_worked_example(page: Page, asking_sidecar: SidecarClient) -> None:
    for example in WORKED:
        choose_type(page, example["request"]["request_type"])
        page.get_by_label("Example").select_option(label=example["title"])
        page.get_by_role("button", name="Load the example").click()
        expect_decision(page, json.dumps(example["request"]), asking_sidecar)
        assert json.loads(asked_on(page)) == example["request"]


def test_every_published_example_as_json(page: Page, asking_sidecar: SidecarClient) -> None:
    for path in PUBLISHED:
        text = path.read_text(encoding="utf-8")
        put_json(page, text)
        expect_decision(page, text, asking_sidecar)
        assert asked_on(page) == text


@pytest.mark.parametrize("kind", TITLES)
def test_filled_in_field_by_field(kind: str, page: Page, asking_sidecar: SidecarClient) -> None:
    text = (EXAMPLES / f"{kind}.json").read_text(encoding="utf-8")
    choose_type(page, kind)
    fill_object(page.get_by_role("group", name=TITLES[kind], exact=True), json.loads(text))
    decide(page)
    expect_decision(page, text, asking_sidecar)
    assert json.loads(asked_on(page)) == json.loads(text)


def fill_object(group: Locator, value: dict[str, Any]) -> None:
    for name, held in value.items():
        if name != "request_type":
            fill(group, label_of(name), held)


def label_of(name: str) -> str:
    words = name.replace("_", " ").replace(" pt", " PT").replace(" id", " ID")
    return words[:1].upper() + words[1:]


def named(label: str) -> re.Pattern[str]:
    """The whole name of a field: its label, what it is a part of, and whether it is optional."""
    return re.compile(rf"^{re.escape(label)}( \([^()]*\))*$")


def group_of(place: Page | Locator, label: str) -> Locator:
    return place.get_by_role("group", name=named(label))


def fill(group: Locator, label: str, value: Any) -> None:
    """Fill in what has a label in a group, as a person does."""
    inner = group_of(group, label)
    field = group.get_by_label(named(label))
    if isinstance(value, bool):
        inner.get_by_text("Yes" if value else "No", exact=True).click()
    elif isinstance(value, dict):
        state(inner)
        fill_object(inner, value)
    elif isinstance(value, list):
        state(inner)
        for index, element in enumerate(value):
            elements = inner.locator("> .try-content > ol > li")
            if elements.count() == index:
                inner.get_by_role("button", name=re.compile("^Add ")).last.click()
            if isinstance(element, dict):
                fill_object(elements.nth(index).get_by_role("group").first, element)
            else:
                elements.nth(index).get_by_role("textbox").fill(str(element))
    elif field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(str(value))


def box_of(group: Locator) -> Locator:
    """The box of a group to say that the request states it."""
    return group.locator("> .usa-checkbox > input")


def state(group: Locator) -> None:
    box = box_of(group)
    if box.count() and not box.is_checked():
        toggle(box)


def toggle(box: Locator) -> None:
    box.locator("xpath=../label").click()


def test_with_the_keyboard_alone(page: Page, client: EmbeddedClient) -> None:
    keyboard = page.keyboard

    def tab_to(label: str) -> None:
        for _ in range(100):
            keyboard.press("Tab")
            name = page.evaluate("() => (document.activeElement.labels?.[0] ?? document.activeElement).textContent")
            if name.removesuffix(" (optional)") == label:
                return
        raise AssertionError(f"{label} cannot be reached with the key Tab")

    tab_to("Type of request")
    keyboard.type("Pediatric")
    for label, text in {
        "Benefit status": "covered",
        "Service date": "03122026",  # the parts of a date, as the browser asks for them
        "Medical necessity": "established",
    }.items():
        tab_to(label)
        keyboard.type(text)
    tab_to("Units already authorized")
    keyboard.type("0")
    tab_to("Procedure code (service line 1)")
    keyboard.type("97530")
    tab_to("Units (service line 1)")
    keyboard.type("3")
    tab_to("Add a service line")
    keyboard.press("Enter")
    keyboard.type("97140")  # the new line has the focus
    tab_to("Units (service line 2)")
    keyboard.type("1")
    tab_to("Decide")
    keyboard.press("Enter")
    expect(page.locator("#try-outcome")).to_be_focused()
    decision = expect_decision(page, asked_on(page), client)
    assert decision["outcome"] == "partially_authorized"
    tab_to("service lines › 2 › procedure code")
    keyboard.press("Enter")
    expect(page.get_by_label("Procedure code (service line 2)")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type("97110")
    expect(page.locator("#try-outcome")).to_contain_text("is authorized.")
    tab_to("Remove service line 2")
    keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove service line 1")).to_be_focused()
    expect(page.locator("#try-explanation")).to_contain_text("3 units (45 minutes)")


ODD = [
    '{"request_type": "referral_route", "island": "oahu", "request_id": "\\ud83d\\ude00 \\ud83d"}',
    '{"request_type": "referral_route", "island": "oahu", '
    '"request_id": "é 日本 😀 \\u0000\\n\\u00a0\\u202e\\udb40\\udc01"}',
    '{"request_type": "referral_route", "island": "oahu", "island": "lanai"}',
    '{"request_type": "referral_route", "island": "oahu", "__proto__": {"island": 1}, "constructor": [null], '
    '"1234567890123456789012": 1}',
    '{"request_type": "pediatric_ot_claim", "service_date": "2026-03-12", "units_already_authorized": 0, '
    '"service_lines": [{"procedure_code": "97530", "units": 4e0}, {"procedure_code": "97530", "units": 4.0}, '
    '{"procedure_code": "97530", "units": 1e99999999}, {"procedure_code": "97530", "units": 12345678901234567890}]}',
    '{"request_type": "no such type"}',
    '{"request_type": ["pt_visit"], "request_id": "r"}',
    "{}",
    "[1, 2]",
    "null",
    "4",
    '""',
    "false",
]


def test_any_json(page: Page, client: EmbeddedClient) -> None:
    for text in ODD:
        put_json(page, text)
        expect_decision(page, text, client)


def test_what_cannot_be_decided_says_so(page: Page) -> None:
    for text, said in [
        ('{"request_type": "referral_route", "island": "oahu"', "The text is not valid JSON"),
        ("", "The text is not valid JSON"),
        ('{"request_type": NaN}', "The text is not valid JSON"),
        ('\ufeff{"request_type": "referral_route", "island": "oahu"}', "The text is not valid JSON"),
        ("[" * 101 + "]" * 101, "nested more than 100 levels deep"),
        ("[" * 500_000 + "]" * 500_000, "nested more than 100 levels deep"),
        (json.dumps("x" * (1 << 20)), "more than 1,048,576 bytes"),
    ]:
        page.get_by_role("button", name="Load the example").click()
        expect(page.locator("#try-decision")).to_contain_text("outcome")
        put_json(page, text)
        expect(page.locator("#try-outcome")).to_contain_text(said)
        assert decision_on(page) == ""
        assert page.locator("#try-explanation").inner_text() == ""
        expect(page.get_by_label("The request that the policy gets")).to_have_attribute("aria-invalid", "true")


# --- what a person meets


def described(field: Locator) -> str:
    """What assistive technology reads out with a field."""
    ids = (field.get_attribute("aria-describedby") or "").split()
    return " ".join(field.page.locator(f"#{each}").inner_text() for each in ids)


def test_nothing_is_wrong_before_it_is_asked(page: Page) -> None:
    expect(page.locator("#try-outcome")).to_contain_text("No decision yet")
    page.get_by_label(named("Units")).fill("four")
    page.wait_for_timeout(600)
    expect(page.locator("#try-outcome")).to_contain_text("No decision yet")
    assert page.locator('[aria-invalid="true"]').count() == 0


def test_a_wrong_entry_is_told_at_its_field(page: Page) -> None:
    choose_type(page, "pt_visit")
    units = page.get_by_label("Units (visit)", exact=True)
    units.fill("four")
    decide(page)
    expect(units).to_have_attribute("aria-invalid", "true")
    assert "Write four as 4." in described(units)
    date = page.get_by_label("Service date")
    assert "Choose a date." in described(date)
    assert page.get_by_label("Progress note number").get_attribute("aria-invalid") is None
    units.fill("4")
    expect(units).not_to_have_attribute("aria-invalid", "true")
    assert "Write" not in described(units)
    assert "Choose a date." in described(date)


def test_each_wrong_place_has_its_field(page: Page, client: EmbeddedClient) -> None:
    text = (EXAMPLES / "bad_request.json").read_text(encoding="utf-8")
    put_json(page, text)
    decision = expect_decision(page, text, client)
    assert sorted(page.locator(".try-problem:visible").all_inner_texts()) == sorted(
        [
            "Choose one of these: covered, not covered, unverified.",
            "There is no February 30.",
            "Choose one of these: acute, nonacute.",
            "Write this number in plain digits, without e.",
            "4 is here as a text. Enter it as a number.",
            "Enter a whole number from 0 to 99.",
            "Fill in this part.",
            "Choose yes or no.",
            "This field is not part of this request type. Send the request without this field.",
        ]
    )
    assert len(decision["reasons"]) == 9

    # What no input could hold stays as it is until a person enters something else, or removes it.
    fill(page.get_by_role("group", name=TITLES["pt_visit"]), "Service date", "2026-03-02")
    kept = json.loads(asked_on(page))
    assert (kept["member_number"], kept["tier"], kept["visit"]["units"]) == ("withheld", "chronic", "4")
    assert '"number": 7e0' in asked_on(page)
    group_of(page, "member_number").get_by_role("button", name="Remove it").click()
    for label in ("Benefit status", "Tier", "Units", "Plan of care complete"):
        group_of(page, label).get_by_role("button", name="Enter something else").click()
    for label, value in {"Tier": "acute", "Units": "4", "Number": "2", "Units already authorized": "0"}.items():
        fill(page.get_by_role("group", name=TITLES["pt_visit"]), label, value)
    fill(page.get_by_role("group", name=TITLES["pt_visit"]), "Prior visits", {"evaluation": 1, "treatment": 0})
    decide(page)
    decision = expect_decision(page, asked_on(page), client)
    assert decision["outcome"] == "pended"
    assert page.locator(".try-problem:visible").count() == 0


def test_not_stated_and_stated_as_none_differ(page: Page, client: EmbeddedClient) -> None:
    text = (EXAMPLES / "pt_extension.json").read_text(encoding="utf-8")
    put_json(page, text)
    expect_decision(page, text, client)
    issues = group_of(page, "Limiting issues")
    issues.get_by_role("button", name="Remove limiting issues 1").click()
    page.wait_for_function(
        "() => JSON.parse(document.getElementById('try-json').value).documentation.limiting_issues.length === 0"
    )
    decide(page)
    assert expect_decision(page, asked_on(page), client)["reasons"][0]["code"] == "EXT_READY_FOR_CLINICAL_REVIEW"
    toggle(box_of(issues))
    decide(page)
    assert "limiting_issues" not in json.loads(asked_on(page))["documentation"]
    assert expect_decision(page, asked_on(page), client)["reasons"][0]["code"] == "EXT_RESPONSE_SUMMARY_MISSING"
    toggle(box_of(group_of(page, "Documentation")))
    decide(page)
    assert "documentation" not in json.loads(asked_on(page))
    toggle(box_of(group_of(page, "Documentation")))
    decide(page)
    assert json.loads(asked_on(page))["documentation"]["goals"] == json.loads(text)["documentation"]["goals"]


def test_what_is_left_empty(page: Page, client: EmbeddedClient) -> None:
    """A text may be blank, a code may not; neither is taken for something missing."""
    choose_type(page, "pt_treatment_plan")
    fill(page.get_by_role("group", name=TITLES["pt_treatment_plan"], exact=True), "Plan of care", {})
    interventions = group_of(page, "Planned interventions")
    fill(interventions.locator(".."), "Planned interventions", [""])
    decide(page)
    assert json.loads(asked_on(page))["plan_of_care"] == {"planned_interventions": [""]}
    places = {reason["path"] for reason in expect_decision(page, asked_on(page), client)["reasons"]}
    assert "/plan_of_care/planned_interventions/0" not in places

    choose_type(page, "pediatric_ot_claim")
    toggle(box_of(group_of(page, "Modifiers")))
    page.get_by_role("button", name="Add a modifier (service line 1)", exact=True).click()
    decide(page)
    assert json.loads(asked_on(page))["service_lines"] == [{"modifiers": [None]}]
    places = {reason["path"] for reason in expect_decision(page, asked_on(page), client)["reasons"]}
    assert "/service_lines/0/modifiers/0" in places
    expect(page.get_by_label("Modifier 1 (service line 1)", exact=True)).to_have_attribute("aria-invalid", "true")


def test_what_was_filled_in_is_kept_for_each_type(page: Page) -> None:
    page.get_by_label("Service date").fill("2026-03-12")
    choose_type(page, "referral_route")
    choose_type(page, "pediatric_ot_claim")
    expect(page.get_by_label("Service date")).to_have_value("2026-03-12")
    assert json.loads(asked_on(page))["service_date"] == "2026-03-12"


# --- words for the field at hand

ADVICE: dict[tuple[str, str], dict[Any, str]] = {
    ("pt_visit", "service_date"): {
        "2026-02-30": "There is no February 30.",
        "2026-04-31": "There is no April 31.",
        "2026-02-29": "There is no February 29 in 2026.",
        "2026-13-01": "There is no month 13. The months are 01 to 12.",
        "1899-12-31": "The year must be from 1900 to 2099.",
        "June 1, 2026": "Write June 1, 2026 as 2026-06-01.",
        "Sept. 9th, 2026": "Write September 9, 2026 as 2026-09-09.",
        "1 June 2026": "Write June 1, 2026 as 2026-06-01.",
        "2026/6/1": "Write June 1, 2026 as 2026-06-01.",
        "20260601": "Write June 1, 2026 as 2026-06-01.",
        "2026-06-01T00:00:00Z": "Write June 1, 2026 as 2026-06-01.",
        "6/1/2026": "If this is June 1, 2026, write it as 2026-06-01.",
        "31.12.2026": "If this is December 31, 2026, write it as 2026-12-31.",
        "6/31/2026": "There is no June 31.",
        "6/1/26": "Write the year with four digits, as in 2026-06-01.",
        " 2026-06-01": "Remove the space.",
        "2026- 06- 01": "Remove the 2 spaces.",
        "２０２６-06-01": "Write 2026-06-01 in plain digits.",
        "soon": "Write the year, the month and the day in digits, as in 2026-06-01.",
        "": "Choose a date.",
        None: "Choose a date.",
    },
    ("pt_visit", "progress_note_number"): {
        "7 ": "Remove the space.",
        "four": "Write four as 4.",
        "07": "Write 07 as 7.",
        "1,000": "Remove the comma.",
        "+7": "Remove the plus sign.",
        "７": "Write 7 in plain digits.",
        "7": "7 is here as a text. Enter it as a number.",
        "many": "Enter a whole number from 1 to 999, in digits.",
        1000: "Enter a number from 1 to 999.",
        2.5: "Enter a whole number, without a fraction.",
    },
    ("pt_visit", "request_id"): {
        "2026 03": "Remove the space.",
        "a#1": "Remove the character #.",
        "x" * 66: "Shorten this by 2 characters; 64 is the most.",
    },
    ("pt_visit", "tier"): {
        "Acute": "Choose acute from the list.",
        "chronic": "Choose one of these: acute, nonacute.",
        None: "Choose one.",
    },
    ("pt_visit", "plan_of_care_complete"): {"yes": "Choose yes or no."},
    ("pediatric_ot_claim", "service_lines/0/procedure_code"): {
        "97 530": "Remove the space.",
        "9753": "Enter 5 characters; there are 4 now.",
        "9753a": "Write it in capital letters: 9753A.",
    },
}


ADVICE_ON = """([kind, place, text]) => {
  let form = FORM_FIELDS.formOfType(kind);
  for (const step of place.split("/")) {
    form = FORM_FIELDS.formOf(/^[0-9]+$/.test(step) ? form.items : form.properties[step]);
  }
  return FORM_ADVICE.advice(form, FORM_JSON.parseJson(text));
}"""


@pytest.mark.parametrize(("kind", "place"), ADVICE)
def test_a_problem_is_said_in_words_for_the_value(kind: str, place: str, page: Page, client: EmbeddedClient) -> None:
    request = json.loads((EXAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
    *around, name = place.split("/")
    inside = request
    for step in around:
        inside = inside[int(step) if step.isdecimal() else step]
    for value, words in ADVICE[kind, place].items():
        inside[name] = value
        refused = [reason["path"] for reason in client.decide(request)["reasons"] if reason["effect"] == "invalid"]
        assert refused == [f"/{place}"], value
        assert page.evaluate(ADVICE_ON, [kind, place, json.dumps(value)]) == words, value


def test_a_date_is_chosen_from_a_calendar_and_odd_text_stays(page: Page) -> None:
    choose_type(page, "referral_route")
    choose_type(page, "pt_visit")
    date = page.get_by_label("Service date")
    expect(date).to_have_attribute("type", "date")
    date.focus()
    page.keyboard.type("02302026")
    decide(page)
    expect(date).to_have_accessible_description(
        re.compile("this date is not complete, or the calendar does not have it", re.I)
    )
    assert json.loads(asked_on(page))["service_date"] == ""
    put_json(page, '{"request_type": "pt_visit", "service_date": "June 1, 2026"}')
    expect(date).to_have_value("June 1, 2026")
    expect(date).to_have_attribute("type", "text")
    date.fill("2026-06-01")
    date.blur()
    expect(date).to_have_attribute("type", "date")
    expect(date).to_have_value("2026-06-01")
    assert json.loads(asked_on(page))["service_date"] == "2026-06-01"


def test_a_label_says_what_it_is_a_part_of(page: Page) -> None:
    put_json(page, (EXAMPLES / "pt_extension.json").read_text(encoding="utf-8"))
    for kind in ("pt_visit", "pt_extension", "pediatric_ot_claim"):
        put_json(page, (EXAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
        expect(page.locator("#try-decision")).to_contain_text(kind)
        labels = page.locator("#try-fields label:not(.usa-radio__label)").all_text_contents()
        assert [label for label in labels if labels.count(label) > 1] == []
    page.get_by_role("button", name="Remove service line 1", exact=True).click()
    expect(page.get_by_label("Units (service line 1)")).to_be_visible()
    expect(page.get_by_label("Modifier 1 (service line 1)", exact=True)).to_be_visible()


def test_examples_are_those_of_the_chosen_type(page: Page) -> None:
    for kind in TITLES:
        choose_type(page, kind)
        offered = page.locator("#try-example option").all_text_contents()
        assert offered == [each["title"] for each in WORKED if each["request"]["request_type"] == kind]


# --- what the page adds to the words of the command


def load_example(page: Page, name: str) -> None:
    [example] = [each for each in WORKED if each["id"] == name]
    choose_type(page, example["request"]["request_type"])
    page.get_by_label("Example").select_option(label=example["title"])
    page.get_by_role("button", name="Load the example").click()
    expect(page.locator("#try-outcome")).not_to_contain_text("No decision yet")


def test_an_approval_names_its_clause_and_number(page: Page, try_page: Path) -> None:
    load_example(page, "referral-chronic")
    facts = page.locator("#try-explanation dl").first
    expect(facts).to_contain_text("under clause PT-3")
    expect(facts).to_contain_text("Initial visits of a referral, by tier: nonacute: evaluation 1, treatment 5")
    expect(facts).to_contain_text("Maximum units of 15 minutes in one visit: 4")
    for link in facts.get_by_role("link").all():
        file, _, anchor = (link.get_attribute("href") or "").partition("#")
        target = (try_page.parent / file).read_text(encoding="utf-8")
        assert not anchor or f'id="{anchor}"' in target
    load_example(page, "claim-activities-and-self-care")
    expect(facts).to_contain_text("97530: hands-on practice of everyday tasks")
    expect(facts).not_to_contain_text("97110")


def test_authorized_in_part_lists_what_and_why_apart(page: Page) -> None:
    put_json(page, (EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8"))
    parts = page.locator(".try-apart > section")
    expect(parts).to_have_count(2)
    granted, refused = parts.all()
    assert granted.inner_text().split("\n\n")[-1].split("\n")[-3:] == [
        "Line 1, 97129: 1 unit (15 minutes)",
        "Line 2, 97130: 1 unit (15 minutes) of the 2 requested",
        "Line 3, 97530: 2 units (30 minutes)",
    ]
    expect(refused).to_contain_text("Line 2, 97130: 1 unit (15 minutes), partially authorized")
    expect(refused).to_contain_text("This line is over the visit's unit limit: 2 requested, 1 of 4 remaining for it.")
    expect(refused).to_contain_text("Line 4, 97140: 1 unit (15 minutes), denied")
    expect(refused).to_contain_text("(clause OT-3)")
    load_example(page, "visit-long")
    expect(granted).to_contain_text("4 units (60 minutes), 1 treatment visit")
    expect(refused).to_contain_text("The request is over the visit's unit limit: 6 requested, 4 of 4 remaining.")


CUT_OFF = """() => {
  const cut = (each) => getComputedStyle(each).overflow !== "visible" || getComputedStyle(each).maxHeight !== "none";
  const parts = [...document.querySelectorAll("#try-result, #try-result *")].filter(
    (each) => !each.closest(".usa-sr-only, thead, input, textarea"),
  );
  const right = document.getElementById("try-result").getBoundingClientRect().right + 1;
  return parts
    .filter((each) => cut(each) || each.getBoundingClientRect().right > right)
    .map((each) => `${each.tagName} ${each.className}: ${each.textContent.slice(0, 60)}`);
}"""


@pytest.mark.parametrize("width", [320, 768, 1280, 1920])
def test_no_decision_is_cut_off(width: int, browser: Browser, try_page: Path) -> None:
    with watched_page(browser, width=width) as watched:
        page = watched.open(try_page)
        page.get_by_text("Also decide by the policy before").click()
        for path in PUBLISHED:
            put_json(page, path.read_text(encoding="utf-8"))
            expect(page.locator("#try-decision")).to_contain_text(path.stem.replace("bad_request", "invalid_request"))
            expect(page.locator("#try-same")).to_be_visible()
            open_details(page, "The decision as JSON")
            assert page.evaluate(CUT_OFF) == [], path
            assert page.evaluate("() => document.documentElement.scrollWidth") == width, path
            stays = page.locator("#try-result").evaluate("each => getComputedStyle(each).position") == "sticky"
            assert not stays or page.locator("#try-result").evaluate("each => each.scrollHeight < window.innerHeight")


def test_the_policy_before_is_beside_this_one(page: Page, watched: Watched, try_page: Path) -> None:
    loaded = "() => [...document.scripts].some((each) => each.src.endsWith('policy-before.js'))"
    load_example(page, "claim-long-session")
    assert not page.evaluate(loaded)
    page.get_by_text("Also decide by the policy before").click()
    expect(page.locator("#try-same")).to_have_text("Both versions decide this request in the same way.")
    assert page.evaluate(loaded)
    expect(page.locator("#try-comparison th").first).to_contain_text(f"Before: version {BEFORE}")
    expect(page.locator("#try-comparison")).to_contain_text(
        "Line 3, 97535: 0 units (0 minutes) of the 2 requested, pended"
    )
    page.get_by_text("Also decide by the policy before").click()
    expect(page.locator("#try-comparison")).to_be_empty()


def test_two_policies_that_differ(browser: Browser, try_page: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(try_page.parent, tmp_path / "site")
    script = folder / "policy-before.js"
    text = script.read_text(encoding="utf-8")
    changed = text.replace('"treatment":5', '"treatment":3')
    assert changed != text
    script.write_text(changed, encoding="utf-8")
    with watched_page(browser) as watched:
        page = watched.open(folder / try_page.name)
        page.get_by_text("Also decide by the policy before").click()
        load_example(page, "referral-chronic")
        expect(page.locator("#try-same")).to_have_text("The two versions differ in: authorized.")
        differs = page.locator("#try-comparison tr.try-differs").last
        expect(differs).to_contain_text("1 evaluation visit, 3 treatment visits")
        expect(differs).to_contain_text("1 evaluation visit, 5 treatment visits")
        script.unlink()
        page.reload()
        page.get_by_text("Also decide by the policy before").click()
        load_example(page, "referral-chronic")
        expect(page.locator("#try-comparison")).to_contain_text("policy-before.js of these pages is missing")
        watched.complaints.clear()


def test_where_there_is_no_policy_before_the_page_says_so(tmp_path: Path) -> None:
    bundle = bundles.packaged_bundle()
    assert "no record of a release" in policy_before(bundle, None).why
    shutil.copytree(ROOT / "releases", tmp_path / "releases")
    assert "could not be found" in policy_before(bundle, tmp_path).why
    site = Site(bundle, lambda step: None, tmp_path)
    page = site.environment.get_template("try.html").render(here="try.html", within=None, before=site.before)
    assert "could not be found when these pages were made" in page
    assert (policy_before(bundle, ROOT).version, policy_before(bundle, ROOT).why) == (BEFORE, "")


# --- links, files, paper


def test_a_link_holds_the_request_and_opens_it(
    page: Page, watched: Watched, try_page: Path, client: EmbeddedClient
) -> None:
    text = (EXAMPLES / "bad_request.json").read_text(encoding="utf-8").replace("2026-03-1008", "日本 ✓ <b>")
    put_json(page, text)
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link to this request").input_value()
    assert link.split("#")[0] == try_page.as_uri()
    assert re.fullmatch(r"request=[A-Za-z0-9_-]+", link.split("#")[1])
    page.get_by_role("button", name="Copy the link").click()
    expect(page.locator("#try-note")).to_have_text(re.compile("copied|copy it with the keyboard"))
    page.goto("about:blank")
    page.goto(link)
    expect_decision(page, text, client)
    assert asked_on(page) == text
    expect(page.get_by_label("Service date")).to_have_value("2026-02-30")
    expect(page.locator("#try-link-problem")).to_be_hidden()
    page.get_by_label("Service date").fill("2026-03-02")
    expect(page.get_by_label("Link to this request")).to_be_hidden()  # it would hold an earlier request


def test_a_link_that_cannot_be_opened_says_so(page: Page, try_page: Path) -> None:
    def encoded(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    cut = encoded('{"request_type": "referral_route", "island": "oahu"}')[:-6]
    deep = encoded("[" * 101 + "]" * 101)
    for fragment, words in {
        "request=": "The link may have been cut",
        "request=%": "The link may have been cut",
        "request=____": "The link may have been cut",
        f"request={cut}": "The link may have been cut",
        f"request={deep}": "nested more than 100 levels deep",
    }.items():
        page.goto("about:blank")
        page.goto(f"{try_page.as_uri()}#{fragment}")
        expect(page.locator("#try-link-problem")).to_contain_text(words)
        expect(page.locator("#try-outcome")).to_contain_text("No decision yet")
    page.goto("about:blank")
    page.goto(f"{try_page.as_uri()}#main")
    expect(page.locator("#try-link-problem")).to_be_hidden()


def test_a_saved_request_is_a_file_that_the_command_takes(page: Page, tmp_path: Path) -> None:
    load_example(page, "visit-long")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the request as a file").click()
    assert download.value.suggested_filename == "pt_visit.json"
    file = tmp_path / "pt_visit.json"
    download.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    result = run("decide", file)
    assert json.loads(result.stdout) == json.loads(decision_on(page))


def test_on_paper_the_request_and_the_decision_are_whole(page: Page, watched: Watched) -> None:
    load_example(page, "claim-long-session")
    page.evaluate("() => { window.print = () => { document.title = 'printed'; }; }")
    page.get_by_role("button", name="Print", exact=True).click()
    assert page.title() == "printed"
    page.emulate_media(media="print")
    try:
        expect(page.locator("#try-form")).to_be_hidden()
        expect(page.get_by_role("button", name="Print", exact=True)).to_be_hidden()
        asked = page.locator("#try-asked").inner_text()
        assert "service lines › 3 › procedure code" in asked
        assert "97535" in asked
        expect(page.locator("#try-explanation")).to_contain_text("Not authorized, and why")
    finally:
        page.emulate_media(media="null")


# --- nothing gets in or out

HTML = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>&amp;<b>bold</b>"


def test_html_is_shown_as_text(page: Page, client: EmbeddedClient) -> None:
    title = page.title()
    choose_type(page, "referral_route")
    page.get_by_label("Request ID").fill(HTML[:64])
    page.get_by_label("Island").select_option("oahu")
    decide(page)
    assert json.loads(asked_on(page))["request_id"] == HTML[:64]
    expect_decision(page, asked_on(page), client)
    text = json.dumps({"request_type": "referral_route", "island": HTML, HTML: {HTML: HTML}, "request_id": HTML})
    put_json(page, text)
    expect_decision(page, text, client)
    assert HTML in page.locator("#try-explanation").inner_text()
    put_json(page, json.dumps({"request_type": "pt_treatment_plan", "plan_of_care": {"diagnosis": HTML}}))
    expect(page.get_by_label("Diagnosis (plan of care)")).to_have_value(HTML)
    assert page.locator("#try img, #try script, #try b").count() == 0
    assert page.title() == title


def test_nothing_is_kept_or_sent(page: Page, try_page: Path) -> None:
    page.get_by_label("Request ID").fill("2026-03-1001")
    decide(page)
    page.wait_for_timeout(300)
    assert page.url == try_page.as_uri()
    assert page.evaluate("() => [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    page.reload()
    expect(page.get_by_label("Request ID")).to_have_value("")


@pytest.mark.parametrize("kind", TITLES)
def test_accessibility(kind: str, watched: Watched, page: Page) -> None:
    choose_type(page, kind)
    decide(page)
    expect(page.locator("#try-decision")).to_contain_text("REQUEST_INVALID")
    open_details(page, "The decision as JSON")
    assert watched.accessibility_problems() == []
    open_details(page, "The request as JSON")
    put_json(page, (EXAMPLES / f"{kind}.json").read_text(encoding="utf-8"))
    expect(page.locator("#try-decision")).not_to_contain_text("REQUEST_INVALID")
    assert watched.accessibility_problems() == []


def test_a_narrow_window(browser: Browser, try_page: Path) -> None:
    with watched_page(browser, width=320) as watched:
        page = watched.open(try_page)
        for path in PUBLISHED:
            put_json(page, path.read_text(encoding="utf-8"))
            expect(page.locator("#try-decision")).to_contain_text(path.stem.replace("bad_request", "invalid_request"))
            assert page.evaluate("() => document.documentElement.scrollWidth") == 320, path


def test_without_javascript_it_says_so(browser: Browser, try_page: Path) -> None:
    with watched_page(browser, javascript=False) as watched:
        page = watched.open(try_page)
        expect(page.get_by_text("needs JavaScript")).to_be_visible()
        expect(page.locator("#try-form")).to_be_hidden()


def test_without_the_policy_nothing_is_decided(browser: Browser, try_page: Path, tmp_path: Path) -> None:
    """Where the engine is not available, the page says that nothing is decided."""
    for file in try_page.parent.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    script = (tmp_path / "policy.js").read_text(encoding="utf-8")
    (tmp_path / "policy.js").write_text(script.replace('"wasm":"eN', '"wasm":"eM'), encoding="utf-8")
    with watched_page(browser) as watched:
        page = watched.open(tmp_path / try_page.name)
        page.get_by_role("button", name="Load the example").click()
        expect(page.locator("#try-outcome")).to_contain_text("There is no decision")
        assert decision_on(page) == ""
