"""The bundle file that `serve` gives to OPA: the same policy, with the page of usable values evaluated."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.policy.signing import archive_of
from therapy_policy import BundleNotUsable
from therapy_policy.files import packaged_file
from therapy_policy.policy import bundles
from therapy_policy.policy.archives import files_in, unpacked
from therapy_policy.policy.bundles import USABLE_VALUES, Bundle, packaged_bundle
from therapy_policy.policy.rego import run_opa

EXAMPLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.json"))
    if path.stem != "bad_request"
}
NOTHING = {"units": 0, "procedure_codes": [], "evaluation_visits": 0, "treatment_visits": 0, "max_units_per_visit": 0}


def decisions(archive: bytes) -> dict[str, Any]:
    """The decisions of OPA on all examples, by a bundle file."""
    files = {"bundle.tar.gz": archive, "requests.json": json.dumps(EXAMPLES).encode()}
    query = "{name: decision | some name, request in input; decision := data.therapy.decision with input as request}"
    with unpacked(files) as directory:
        options = ("--bundle", "bundle.tar.gz", "--input", "requests.json", "--format", "json")
        output = json.loads(run_opa("eval", *options, query, where=directory, name="the test"))
    decided: dict[str, Any] = output["result"][0]["expressions"][0]["value"]
    return decided


def test_it_has_the_result_of_the_page_and_all_else_as_it_was() -> None:
    source, made = packaged_bundle()._files, files_in(packaged_bundle().archive_for_opa())
    assert source.keys() - made.keys() == {USABLE_VALUES}
    assert made.keys() <= source.keys()
    assert [path for path in made if path.endswith(".rego") and made[path] != source[path]] == []
    data = json.loads(made["data.json"])
    assert data["therapy"].pop("usable_values")["units_per_visit"] == [
        {"from": "1900-01-01", "until": "2100-01-01", "value": 4}
    ]
    assert data == json.loads(source["data.json"])


def test_the_packaged_one_is_made_from_the_packaged_bundle() -> None:
    assert packaged_file("sidecar.tar.gz").read_bytes() == packaged_bundle().archive_for_opa()


def test_a_policy_without_that_page_is_given_as_it_is() -> None:
    files = packaged_bundle()._files
    moved = {path: content for path, content in files.items() if path != USABLE_VALUES}
    moved["therapy/elsewhere.rego"] = files[USABLE_VALUES]
    bundle = Bundle("b", archive_of(moved), b"")
    assert files_in(bundle.archive_for_opa()).keys() == moved.keys()


def test_it_is_not_loaded_as_a_bundle(tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    file.write_bytes(packaged_bundle().archive_for_opa())
    with pytest.raises(BundleNotUsable, match="Give the bundle that it was made from"):
        bundles.load(str(file))


def test_a_result_beside_the_page_does_not_compile() -> None:
    files = packaged_bundle()._files | {"therapy/usable_values/data.json": b'{"version": "9.9.9"}'}
    with pytest.raises(BundleNotUsable, match="conflict"):
        Bundle("b", archive_of(files), b"").archive_for_opa()


# --- Data that cannot be used ----------------------------------------------------------------------------------------


def period(parameter: str, **changes: object) -> Callable[[dict[str, Any]], None]:
    """Change the first period of a parameter; a field that becomes `...` is dropped."""

    def change(therapy: dict[str, Any]) -> None:
        first = at(therapy, parameter)["periods"][0]
        first.update(changes)
        for name in [name for name, value in changes.items() if value is ...]:
            del first[name]

    return change


def field(parameter: str, **changes: object) -> Callable[[dict[str, Any]], None]:
    return lambda therapy: at(therapy, parameter).update(changes)


def at(therapy: dict[str, Any], parameter: str) -> dict[str, Any]:
    found: dict[str, Any] = therapy["parameters"]
    for name in parameter.split("."):
        found = found[name]
    return found


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(therapy: dict[str, Any]) -> None:
        *parents, last = path
        for name in parents:
            therapy = therapy[name]
        del therapy[last]

    return change


def version_of_two_numbers(therapy: dict[str, Any]) -> None:
    therapy["register"]["policy"]["version"] = "2.1"


HUGE = "HUGE"  # stands for a number that OPA cannot compare
PT = {"pt_referral", "pt_treatment_plan", "pt_visit", "pt_extension", "pt_continuation"}
BROKEN = {
    "a number above the ceiling": (
        period("units_per_visit", value=5),
        {"pediatric_ot_claim", "pt_referral", "pt_visit"},
    ),
    "a number too large to compare": (
        period("units_per_visit", value=HUGE),
        {"pediatric_ot_claim", "pt_referral", "pt_visit"},
    ),
    "no clause": (field("units_per_visit", clauses=[]), {"pediatric_ot_claim", "pt_referral", "pt_visit"}),
    "an empty object": (period("pediatric_ot.procedure_codes", value={}), {"pediatric_ot_claim"}),
    "a date that is not real": (period("outpatient_pt.effective_date", value="2022-02-30"), PT),
    "a value misspelled": (period("outpatient_pt.initial_visits", value=...), {"pt_referral", "pt_visit"}),
    "a start that is not a real date": (
        period("outpatient_pt.initial_visits", **{"from": "2022-02-30"}),
        {"pt_referral", "pt_visit"},
    ),
    "an unknown name": (period("outpatient_pt.acute_events", value=["fall"]), {"pt_referral"}),
    "a text": (period("outpatient_pt.acute_categories", value="acute"), {"pt_referral"}),
    "an empty list": (period("outpatient_pt.eligible_categories", value=[]), {"pt_referral"}),
    "no periods": (field("outpatient_pt.excluded_specialties", periods=[]), PT),
    "null": (period("referral.routes", value=None), {"pt_referral", "referral_route"}),
    "false": (period("contact", value=False), {*EXAMPLES}),
    "periods that are not a list": (field("contact", periods={"0": {"from": "1900-01-01"}}), {*EXAMPLES}),
    "no parameters": (drop("parameters"), {*EXAMPLES}),
    "a version of two numbers": (version_of_two_numbers, {*EXAMPLES}),
    "no reason codes": (drop("register", "reason_codes"), {*EXAMPLES} - {"referral_route"}),
    "no clauses": (drop("register", "clauses"), {*EXAMPLES} - PT | {"pt_referral", "pt_visit"}),
    "no ceiling": (drop("ceiling"), {"pediatric_ot_claim", "pt_referral", "pt_visit"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_built_from_broken_data_it_pends_as_the_source_does(name: str) -> None:
    change, needing = BROKEN[name]
    packaged = packaged_bundle()
    data = copy.deepcopy(packaged.data)
    change(data["therapy"])
    content = json.dumps(data).replace(json.dumps(HUGE), "1e99999999").encode()
    broken = Bundle("broken", archive_of(packaged._files | {"data.json": content}), b"")
    decided = decisions(broken.archive_for_opa())
    assert decided == decisions(broken.archive)
    for each in needing:
        assert decided[each]["outcome"] in {"pended", "denied"}
        assert decided[each]["authorized"] == NOTHING
        assert "POLICY_VALUE_UNUSABLE" in {reason["code"] for reason in decided[each]["reasons"]}
