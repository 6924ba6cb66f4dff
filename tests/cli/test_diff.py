"""`therapy-policy diff`: the policy of one day against copies of it with one thing changed."""

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import run, start
from tests.cli.policies import PARAMETERS, change_data, policy_of_the_day
from therapy_policy import BundleNotUsable, EmbeddedClient
from therapy_policy.change.flips import Comparer
from therapy_policy.change.render import change_as_text
from therapy_policy.policy.bundles import load
from therapy_policy.policy.check import ceiling_for_rules

MINUTES = 5 * 60.0

Change = Callable[[Any], None]
Edit = Callable[..., Path]


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return policy_of_the_day(tmp_path_factory.mktemp("day") / "policies")


@pytest.fixture
def edited(policy: Path, tmp_path: Path) -> Edit:
    """A function that copies the policy and changes the data of files, or replaces a text in them."""

    def edit(*edits: tuple[str, Change] | tuple[str, str, str]) -> Path:
        target = tmp_path / "policies"
        shutil.copytree(policy, target)
        for file, *edit in edits:
            if isinstance(edit[0], str):
                replace(target / file, *edit)
            else:
                change_data(target / file, edit[0])
        return target

    return edit


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


def one_more_visit(parameters: Any) -> None:
    parameters["outpatient_pt"]["initial_visits"]["periods"][0]["value"]["nonacute"]["treatment"] += 1


def one_unit_less(parameters: Any) -> None:
    parameters["units_per_visit"]["periods"][0]["value"] -= 1


def diff(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    with start("diff", *arguments) as process:
        output, errors = process.communicate(timeout=MINUTES)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def report(*arguments: str | Path, status: int = 1) -> Any:
    result = diff(*arguments, "--json")
    assert result.returncode == status, result.stderr.decode()
    document = json.loads(result.stdout)
    assert document["behavior_changed"] is (status == 1)
    return document


def kinds(document: Any) -> list[Any]:
    return [kind | {"request_type": each["request_type"]} for each in document["flips"] for kind in each["kinds"]]


def test_one_more_visit_flips_exactly_the_requests_for_it(policy: Path, edited: Edit) -> None:
    changed = edited((PARAMETERS, one_more_visit))
    document = report(policy, changed, "--quick", "--type", "pt_visit", "--type", "pediatric_ot_claim")

    expected = {"tier": "nonacute", "visit.kind": "treatment", "prior_visits.treatment": "5", "specialty": "none"}
    (of_visits,) = document["flips"]
    assert of_visits["shared"] == expected
    kind = Comparer(load(str(policy)), load(str(changed))).kinds["pt_visit"]
    places = {dimension.name: place for place, dimension in enumerate(kind.dimensions)}
    dates = {
        "service 2022-06-01 or later, no referral date",
        "any service date, referral 2022-06-01 or later",
        "any service date, referral 2022-06-01 or later, dated after the visit",
    }
    right = [
        cls
        for cls in map(kind.sample.class_at, range(kind.sample.size))
        if all(cls[places[name]] == value for name, value in expected.items())
        and cls[places["service_date and referral_date"]] in dates
    ]
    assert of_visits["classes"] == len(right) > 0
    assert document["decided"]["pt_visit"] | {"summary": ""} == {
        "classes": kind.sample.size,
        "complete": False,
        "drawn": 0,
        "near": document["decided"]["pt_visit"]["near"],
        "malformed": document["decided"]["pt_visit"]["malformed"],
        "can_differ": True,
        "summary": "",
    }
    of_claims = document["decided"]["pediatric_ot_claim"]
    assert of_claims["can_differ"] is False
    assert of_claims["summary"].endswith("; its decisions cannot differ")
    examples = [flip["name"] for flip in document["examples"]["flips"]]
    assert examples == ["pt_visit.json", "A chronic condition, with all treatment visits used"]

    first, *others = kinds(document)
    assert (first["old_outcome"], first["new_outcome"]) == ("denied", "authorized")
    assert all(kind["found_by"] == "classes" for kind in (first, *others))
    assert all(kind["reasons_removed"] == ["PT_TREATMENT_VISIT_LIMIT"] and not kind["reasons_added"] for kind in others)
    witness = first["witness"]
    assert witness["request"]["tier"] == "nonacute"
    assert witness["request"]["visit"] == {"kind": "treatment", "number": 6, "units_already_authorized": 0, "units": 1}
    assert witness["request"]["prior_visits"] == {"evaluation": 0, "treatment": 5}
    assert [reason["code"] for reason in witness["old"]["reasons"]] == ["PT_TREATMENT_VISIT_LIMIT"]
    with EmbeddedClient() as client:
        assert client.decide(witness["request"]) == witness["old"]
    assert witness["new"]["outcome"] == "authorized"
    (change,) = document["data"]
    assert change == {
        "area": "Numbers, codes and lists",
        "place": "outpatient_pt.initial_visits, from 2022-06-01, nonacute.treatment",
        "old": 5,
        "new": 6,
        "wording": False,
    }


def test_a_valid_request_that_flips_outside_the_sample_is_not_malformed(policy: Path, edited: Edit) -> None:
    limit = "input.prior_visits.treatment >= _initial_visits.treatment"
    but_one = f"{limit}\n\tinput.prior_visits.treatment != 100"
    changed = edited(("therapy/outpatient_pt/visit.rego", limit, but_one))
    document = report(policy, changed, "--quick", "--type", "pt_visit")
    (kind,) = kinds(document)
    assert (kind["old_outcome"], kind["found_by"]) == ("denied", "near")
    assert kind["reasons_removed"] == ["PT_TREATMENT_VISIT_LIMIT"]
    assert kind["witness"]["request"]["prior_visits"]["treatment"] == 100
    text = " ".join(diff(policy, changed, "--quick", "--type", "pt_visit").stdout.decode().split())
    assert "pt_visit: some decisions differ, but none in the sample of classes" in text
    assert "1 valid request similar to the smallest one" in text


def next_period(periods: list[Any]) -> Any:
    """Add a period from 2027-01-01 that is like the newest one; return its value."""
    periods.append(copy.deepcopy(periods[-1]) | {"from": "2027-01-01"})
    return periods[-1]["value"]


def fewer_in_an_older_period(parameters: Any) -> None:
    periods = parameters["outpatient_pt"]["initial_visits"]["periods"]
    next_period(periods)
    periods[0]["value"]["acute"]["treatment"] -= 1


def a_new_period(parameters: Any) -> None:
    next_period(parameters["outpatient_pt"]["initial_visits"]["periods"])["acute"]["treatment"] -= 1


def a_list_with_one_less(name: str) -> Change:
    return lambda parameters: parameters["outpatient_pt"][name]["periods"][0]["value"].pop()


def no_add_on(parameters: Any) -> None:
    del next_period(parameters["pediatric_ot"]["procedure_codes"]["periods"])["97130"]


def another_chapter(parameters: Any) -> None:
    parameters["referral"]["routes"]["periods"][0]["value"]["lanai"]["chapter"] = "12"


@pytest.mark.parametrize(
    ("change", "request_types"),
    [
        (one_unit_less, {"pediatric_ot_claim", "pt_visit"}),
        (fewer_in_an_older_period, {"pt_referral", "pt_visit"}),
        (a_new_period, {"pt_referral"}),
        (no_add_on, {"pediatric_ot_claim"}),
        (a_list_with_one_less("acute_events"), {"pt_referral"}),
        (a_list_with_one_less("acute_categories"), {"pt_referral"}),
        (a_list_with_one_less("eligible_categories"), {"pt_referral"}),
        (
            a_list_with_one_less("excluded_specialties"),
            {"pt_extension", "pt_referral", "pt_treatment_plan", "pt_visit"},
        ),
        (another_chapter, {"pt_referral", "referral_route"}),
    ],
)
def test_the_sample_shows_a_change_of_each_number_and_list(
    policy: Path, edited: Edit, change: Change, request_types: set[str]
) -> None:
    """Of each parameter, also where it takes several fields to select the number."""
    comparer = Comparer(load(str(policy)), load(str(edited((PARAMETERS, change)))))
    for name in request_types:
        kind = comparer.kinds[name]
        classes = [kind.sample.class_at(number) for number in range(kind.sample.size)]
        assert comparer.flips(name, [kind.write(cls) for cls in classes], classes, "classes"), name


@pytest.mark.parametrize("more", [True, False])
def test_authorizing_more_is_more_serious_than_another_outcome(policy: Path, edited: Edit, more: bool) -> None:
    changed = edited((PARAMETERS, one_unit_less))
    old, new = (changed, policy) if more else (policy, changed)
    found = kinds(report(old, new, "--quick", "--type", "pt_visit"))
    ranks = []
    for kind in found:
        outcomes = {kind["old_outcome"], kind["new_outcome"]}
        first = outcomes == {"authorized", "denied"}
        ranks.append(0 if first else 1 if kind["authorizes_more"] else 2 if len(outcomes) == 2 else 3)
        if "authorized.units" in kind["other_changes"]:
            assert kind["authorizes_more"] is more
    assert ranks == sorted(ranks)
    assert (1 in ranks) is more


@pytest.mark.parametrize("quick", [[], ["--quick"]])
def test_wording_is_not_a_change_in_behavior(policy: Path, edited: Edit, quick: list[str]) -> None:
    codes = "therapy/register/reason_codes/data.yaml"
    changed = edited(
        (codes, lambda data: data["OT_NOT_MEDICALLY_NECESSARY"].update(message="This is another message.")),
        ("therapy/register/clauses/data.yaml", lambda data: data["OT-5"].update(summary="This is another summary.")),
        ("therapy/register/interpretations/data.yaml", lambda data: data["INT-2"].update(choice="Another choice.")),
        (PARAMETERS, other_service),
        ("therapy/outpatient_pt/visit.rego", "# title: Outpatient PT visit", "# title: One PT visit"),
        ("therapy/pediatric_ot/claim.rego", "# A whole number is the same however it is written", "# However written"),
    )
    result = diff(policy, changed, "--type", "pt_visit", *quick)
    text = " ".join(result.stdout.decode().split())
    assert result.returncode == 0
    assert "No change in behavior." in text
    assert "no decision can differ" in text
    assert "--quick" not in text
    assert "This is another message. (wording only)" in text
    assert "This is another summary. (wording only)" in text
    assert "Another choice. (wording only)" in text
    assert "another service (wording only)" in text
    assert "therapy/outpatient_pt/visit.rego: “One PT visit”: only METADATA changed" in text
    assert re.search("pt_visit: a fixed sample of [0-9,]+ classes; its decisions cannot differ", text)


def other_service(parameters: Any) -> None:
    parameters["pediatric_ot"]["procedure_codes"]["periods"][0]["value"]["97110"]["service"] = "another service"


def test_one_more_unit_authorizes_more_for_claims_and_visits(policy: Path, edited: Edit) -> None:
    changed = edited((PARAMETERS, one_unit_less))
    types = ("--type", "pediatric_ot_claim", "--type", "pt_visit", "--type", "pt_continuation")
    document = report(changed, policy, "--quick", *types)
    assert {each["request_type"] for each in document["flips"]} == {"pediatric_ot_claim", "pt_visit"}
    assert document["decided"]["pt_continuation"]["can_differ"] is False
    assert "a fixed sample of" in document["decided"]["pt_visit"]["summary"]
    more = [kind for kind in kinds(document) if "authorized.units" in kind["other_changes"]]
    assert more
    for kind in more:
        old, new = (kind["witness"][side]["authorized"]["units"] for side in ("old", "new"))
        assert (old, new) == (old, old + 1)
    text = diff(changed, policy, "--quick", "--type", "pt_visit").stdout.decode()
    assert "units_per_visit, from 1900-01-01: 3 → 4" in text
    assert "Only a sample of the classes was decided" in " ".join(text.split())
    assert "pt_visit: a fixed sample of" in " ".join(text.split())


def test_a_code_that_is_added_flips_the_claims_with_it(policy: Path, edited: Edit) -> None:
    def one_code_less(parameters: Any) -> None:
        del parameters["pediatric_ot"]["procedure_codes"]["periods"][0]["value"]["97110"]

    document = report(edited((PARAMETERS, one_code_less)), policy, "--quick", "--type", "pediatric_ot_claim")
    (of_claims,) = document["flips"]
    assert of_claims["shared"]["service_lines"] == "with 97110"
    for kind in kinds(document):
        assert "OT_CODE_NOT_LISTED" in kind["reasons_removed"]
        assert "97110" in [line["procedure_code"] for line in kind["witness"]["request"]["service_lines"]]


def test_a_negation_that_is_dropped_flips_both_ways_and_makes_a_page(
    policy: Path, edited: Edit, tmp_path: Path
) -> None:
    changed = edited(("therapy/outpatient_pt/visit.rego", "not _note_numbered\n", "_note_numbered\n"))
    page = tmp_path / "page.html"
    document = report(policy, changed, "--quick", "--type", "pt_visit", "--html", page)
    ways = {
        (kind["old_outcome"], kind["new_outcome"], *kind["reasons_removed"], "→", *kind["reasons_added"])
        for kind in kinds(document)
    }
    assert ("pended", "authorized", "PT_NOTE_NOT_NUMBERED", "→") in ways
    assert ("authorized", "pended", "→", "PT_NOTE_NOT_NUMBERED") in ways
    assert [(rule["file"], rule["title"], rule["change"]) for rule in document["rules"]] == [
        (
            "therapy/outpatient_pt/visit.rego",
            "A visit whose progress note does not have the visit's number is pended",
            "changed",
        )
    ]
    html = page.read_text(encoding="utf-8")
    assert document["verdict"] in html
    assert "Only a sample of the classes was decided; others may change, too." in document["verdict"]
    assert "PT_NOTE_NOT_NUMBERED" in html
    before, style, after = re.split(r"</?style>", html)
    assert not re.search(r"<(script|link|img)|https?:|url\(", before + after)
    assert set(re.findall(r'url\("?([^:")]*)', style)) <= {"", "data"}


def test_a_list_that_gets_a_code_shows_the_code(policy: Path, edited: Edit) -> None:
    def from_2027(parameters: Any) -> None:
        periods = parameters["pediatric_ot"]["procedure_codes"]["periods"]
        fewer = copy.deepcopy(periods[0]["value"])
        del fewer["97535"]
        periods.append({"from": "2027-01-01", "value": fewer})

    without = edited((PARAMETERS, from_2027))
    added, removed = (
        report(*policies, "--quick", "--type", "referral_route", status=0)["data"]
        for policies in ((without, policy), (policy, without))
    )
    place = "pediatric_ot.procedure_codes, from 2027-01-01, 97535"
    assert [(each["place"], "old" in each, each["period"]) for each in added] == [(place, False, "removed")]
    assert [(each["place"], "new" in each, each["period"]) for each in removed] == [(place, False, "added")]
    text = diff(policy, without, "--quick", "--type", "referral_route").stdout.decode()
    assert f"{place}: removed: " in " ".join(text.split())


def test_a_long_value_is_never_cut_off_before_its_difference() -> None:
    codes = [f"{number}" for number in range(97000, 97100)]
    change = {"area": "Ceiling", "place": "codes", "old": codes, "new": [*codes, "99999"], "wording": False}
    old, new = change_as_text(change).split(" → ")
    assert "99999" not in old
    assert '"97099", "99999"]' in new
    assert max(len(old), len(new)) < 200
    longer = change | {"new": ["96999", *codes]}
    assert change_as_text(longer).split(" → ")[1].startswith('["96999", "97000"')


def test_a_later_beginning_flips_the_day_between(policy: Path, edited: Edit) -> None:
    def a_day_later(parameters: Any) -> None:
        parameters["outpatient_pt"]["effective_date"]["periods"][0]["value"] = "2022-06-02"

    changed = edited((PARAMETERS, a_day_later))
    document = report(policy, changed, "--quick", "--type", "pt_continuation", "--type", "pediatric_ot_claim")
    (of_reviews,) = document["flips"]
    assert of_reviews["request_type"] == "pt_continuation"
    assert of_reviews["shared"]["review_date"] == "2022-06-01"
    assert {kind["new_outcome"] for kind in kinds(document)} == {"not_applicable"}
    assert all(kind["reasons_added"] == ["PT_BEFORE_EFFECTIVE_DATE"] for kind in kinds(document))


def test_a_rule_that_is_off_by_one_inside_a_class_is_found(policy: Path, edited: Edit) -> None:
    limit = "input.prior_visits.treatment >= _initial_visits.treatment"
    changed = edited(("therapy/outpatient_pt/visit.rego", limit, limit.replace(" >=", " + 1 >=")))
    document = report(policy, changed, "--quick", "--type", "pt_visit")
    found = [kind for kind in kinds(document) if kind["new_outcome"] == "denied"]
    assert found
    for kind in found:
        assert kind["found_by"] == "drawn"
        assert kind["witness"]["request"]["prior_visits"]["treatment"] in (4, 10)


def test_a_different_request_schema_is_a_change_in_behavior(policy: Path, edited: Edit) -> None:
    form = '"units_already_authorized": {"kind": "whole_number", "least": 0, "most": '
    changed = edited(("therapy/request/data.json", f"{form}99", f"{form}120"))
    document = report(policy, changed, "--quick", "--type", "pt_visit")
    (kind,) = kinds(document)
    assert (kind["old_outcome"], kind["new_outcome"], kind["found_by"]) == ("invalid_request", "denied", "form")
    assert kind["witness"]["request"]["visit"]["units_already_authorized"] == 100


def test_the_ceiling_has_an_area_of_its_own(policy: Path, edited: Edit) -> None:
    changed = edited(("ceiling.yaml", raise_ceiling))
    limits = ceiling_for_rules(yaml.safe_load((changed / "ceiling.yaml").read_text(encoding="utf-8")))
    (changed / "therapy/ceiling/data.json").write_text(json.dumps(limits), encoding="utf-8")
    document = report(policy, changed, "--quick", "--type", "pt_continuation", status=0)
    (change,) = document["data"]
    assert (change["area"], change["place"], change["new"]) == ("Ceiling", "procedure_codes.99999", None)
    assert document["verdict"] == (
        "No change in behavior: nothing that changed can change a decision on these types of requests."
    )


def raise_ceiling(ceiling: Any) -> None:
    ceiling["procedure_codes"]["99999"] = {"because": "The plan added it (OT-5)."}


def test_the_installed_policy_is_the_default() -> None:
    result = run("diff", "policies", "--quick", "--type", "referral_route")
    assert result.returncode == 0, result.stderr.decode()
    assert "No change in behavior." in result.stdout.decode()
    assert "this package" in result.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-policy"], "no-such-policy"),
        (["README.md"], "README.md"),
        (["policies", "policies", "--type", "pt_visits"], "pt_visits is not a request type"),
        (["policies", "policies", "--html", "no/such/directory/page.html"], "cannot be written"),
    ],
)
def test_a_bad_name_is_a_usage_error(arguments: list[str], message: str) -> None:
    result = run("diff", *arguments)
    assert result.returncode == 2
    assert result.stdout == b""
    error = result.stderr.decode()
    assert "Traceback" not in error
    assert message in error


def test_parameters_with_an_unknown_structure_cannot_be_compared(policy: Path, edited: Edit) -> None:
    unchecked = load(
        str(edited((PARAMETERS, lambda data: data["units_per_visit"]["periods"][0].update(value="four")))),
        checked=False,
    )
    with pytest.raises(BundleNotUsable, match="Use the version that supports it"):
        Comparer(load(str(policy)), unchecked)


def test_without_opa_there_is_no_engine(tmp_path: Path) -> None:
    result = run("diff", "policies", OPA=str(tmp_path / "opa"))
    assert result.returncode == 3
    assert result.stdout == b""
    assert result.stderr.startswith(b"error: ")
    assert b"OPA" in result.stderr
    assert b"Traceback" not in result.stderr
