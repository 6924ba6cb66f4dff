"""`therapy-policy accept` and `history`, in a git repository with one release."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import ROOT, run
from tests.cli.policies import DAY, change_data, write_ceiling_for_rules
from tests.cli.releases import (
    MINUTES,
    NEXT_MAJOR,
    NEXT_MINOR,
    NEXT_PATCH,
    PARAMETERS,
    VERSION,
    VERSION_FILE,
    add_entry,
    commit,
    first_release,
    git,
    replace,
    set_version,
    three_more_visits,
)
from therapy_policy import PolicyNotAccepted
from therapy_policy.change.accept import Proposal, change_of, smallest_version
from therapy_policy.change.diff import diff
from therapy_policy.change.worked import missing_examples, worked_examples
from therapy_policy.policy.bundles import load
from therapy_policy.policy.releases import read_release

START = "2099-01-01"  # of the period that is added, later than any worked example
REASON_CODES = "policies/therapy/register/reason_codes/data.yaml"
STANDARD_ANSWERS = "policies/therapy/register/standard_answers/data.yaml"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return first_release(tmp_path_factory.mktemp("released"))


@pytest.fixture
def root(released: Path, tmp_path: Path) -> Path:
    """A copy of the repository with one release."""
    shutil.copytree(released, tmp_path / "copy")
    return tmp_path / "copy"


def accept(root: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    result = run("accept", *arguments, cwd=root, seconds=MINUTES)
    assert result.returncode == status, result.stderr.decode()
    assert b"Traceback" not in result.stderr
    return result.stdout.decode(), result.stderr.decode()


def record_of(root: Path, version: str) -> Any:
    return yaml.safe_load((root / f"releases/{version}.yaml").read_text(encoding="utf-8"))


def test_the_first_release_names_the_commit_that_has_the_policy(released: Path) -> None:
    record = record_of(released, VERSION)
    assert (record["version"], record["accepted_on"], record["change"]) == (VERSION, DAY, "first")
    assert record["git_revision"] == git(released, "rev-parse", "HEAD~1")
    bundle = load(str(released / "policies"))
    assert (record["decision_digest"], record["text_digest"]) == (bundle.digest, bundle.digest_of_everything)


def test_an_unchanged_policy_needs_no_release(root: Path) -> None:
    output, _ = accept(root, "--date", DAY, "--yes")
    assert "unchanged" in output
    assert git(root, "status", "--porcelain") == ""


def test_more_visits_from_a_date_to_come_are_a_minor_version(root: Path) -> None:
    three_more_visits(root, START)
    set_version(root, VERSION, NEXT_MINOR)
    add_entry(root, NEXT_MINOR, DAY)
    output, errors = accept(root, "--date", DAY, "--yes", "--sample", "pt_referral")
    output = " ".join(output.split())
    assert f"outpatient_pt.initial_visits, from {START}, nonacute.treatment: 5 → 8 (new period)" in output
    assert "of dates to come" in output
    assert "of dates that have passed" not in output
    assert f"releases/{NEXT_MINOR}.yaml" in output
    assert "make generate" in output
    assert f"outpatient_pt.initial_visits, from {START}: no worked example depends on it" in errors

    record = record_of(root, NEXT_MINOR)
    assert (record["previous"], record["change"], record["decided"]) == (VERSION, "minor", "sample")
    assert record["git_revision"] is None
    assert any(each.startswith("Numbers, codes and lists: outpatient_pt.initial_visits") for each in record["changes"])
    assert {flip["dates"] for flip in record["flips"]} == {"to come"}
    flip = record["flips"][0]
    assert (flip["request_type"], flip["old"], flip["new"]) == ("pt_referral", "authorized", "authorized")
    assert flip["count"] >= 1
    assert flip["smallest"]["referral_date"] >= START

    commit(root)
    request = root / "request.json"
    request.write_text(json.dumps(flip["smallest"]), encoding="utf-8")
    before, after = (
        json.loads(run("decide", request, "--bundle", version, cwd=root).stdout) for version in (VERSION, NEXT_MINOR)
    )
    assert (before["policy_version"], after["policy_version"]) == (VERSION, NEXT_MINOR)
    assert after["authorized"]["treatment_visits"] == before["authorized"]["treatment_visits"] + 3
    result = run("diff", VERSION, NEXT_MINOR, "--type", "referral_route", "--quick", cwd=root)
    assert f"{VERSION} (version {VERSION})" in result.stdout.decode()

    releases = json.loads(run("history", "--json", cwd=root).stdout)
    assert [(each["version"], each["in_force"]) for each in releases] == [
        (VERSION, None),
        (NEXT_MINOR, {"from": DAY, "through": None}),
    ]
    assert releases[1]["git_revision"] == git(root, "rev-parse", "HEAD")
    table = run("history", cwd=root).stdout.decode()
    assert NEXT_MINOR in table
    assert "replaced on the" in table


def test_the_entry_that_is_offered_shows_the_new_period(released: Path, root: Path) -> None:
    three_more_visits(root, START)
    new, old = load(str(root / "policies")), load(str(released / "policies"))
    (missing,) = missing_examples(new, worked_examples(), old)
    assert missing.entry
    assert missing.entry["request"]["request_type"].startswith("pt_")
    assert missing_examples(new, [*worked_examples(), missing.entry], old) == []
    place, *text = missing.as_lines()
    assert json.loads("\n".join(text).rstrip().removesuffix(",")) == missing.entry
    line = re.search(r"before line (\d+) of python/therapy_policy/review/examples.json:", place)
    assert line
    lines = (ROOT / "python/therapy_policy/review/examples.json").read_text(encoding="utf-8").splitlines()
    with_it = [*lines[: int(line[1]) - 1], *text, *lines[int(line[1]) - 1 :]]
    assert len(json.loads("\n".join(with_it))) == len(worked_examples()) + 1


def test_the_lines_that_are_named_leave_nothing_missing_once_they_are_added(root: Path, tmp_path: Path) -> None:
    three_more_visits(root, START)
    change_data(root / PARAMETERS, lambda parameters: one_more_code(parameters["pediatric_ot"]["procedure_codes"]))
    ceiling = root / "policies/ceiling.yaml"
    change_data(ceiling, lambda each: each["procedure_codes"].update({"99999": {"because": "The plan added it."}}))
    write_ceiling_for_rules(root / "policies")
    set_version(root, VERSION, NEXT_MAJOR)
    add_entry(root, NEXT_MAJOR, DAY)
    python = tmp_path / "python"
    shutil.copytree(ROOT / "python", python)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    arguments = ("accept", "--date", DAY, "--yes", "--sample", "referral_route")
    first = run(*arguments, cwd=root, seconds=MINUTES, PYTHONPATH=str(python))
    assert first.returncode == 0, first.stderr.decode()
    errors = first.stderr.decode()
    assert f"outpatient_pt.initial_visits, from {START}: no worked example depends on it." in errors
    assert f"pediatric_ot.procedure_codes, from {START}: 99999: no worked example depends on it." in errors

    file = python / "therapy_policy/review/examples.json"
    lines = file.read_text(encoding="utf-8").splitlines()
    named = re.findall(r"Add this before line (\d+) of .*examples\.json:\n((?:  .*\n)+)", errors)
    for line, text in sorted(named, key=lambda each: -int(each[0])):
        lines[int(line) - 1 : int(line) - 1] = text.splitlines()
    assert len(json.loads("\n".join(lines))) == len(worked_examples()) + 2
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / f"releases/{NEXT_MAJOR}.yaml").unlink()
    again = run(*arguments, cwd=root, seconds=MINUTES, PYTHONPATH=str(python))
    assert again.returncode == 0, again.stderr.decode()
    assert "no worked example" not in again.stderr.decode()


def one_more_code(codes: Any) -> None:
    value = copy.deepcopy(codes["periods"][-1]["value"])
    value["99999"] = {"clause": "OT-5", "service": "practice with touch"}
    codes["periods"].append({"from": START, "value": value})


def test_the_date_of_acceptance_decides_what_has_passed(released: Path, root: Path) -> None:
    three_more_visits(root, "2027-01-01")
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    for as_of, change in (("2026-12-31", "minor"), ("2027-01-01", "major"), ("2028-01-01", "major")):
        document = diff(old, new, ["pt_referral"], {}, quick=True, as_of=as_of)
        passed = {kind["passed"] for of_type in document["flips"] for kind in of_type["kinds"]}
        assert (change_of(document), passed) == (change, {False} if change == "minor" else {False, True})


def another_chapter(parameters: Any) -> None:
    parameters["referral"]["routes"]["periods"][0]["value"]["lanai"]["chapter"] = "18"


def test_another_decision_without_a_date_is_a_major_version(released: Path, root: Path) -> None:
    change_data(root / PARAMETERS, another_chapter)
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    assert change_of(diff(old, new, ["referral_route"], {}, quick=True, as_of="1950-01-01")) == "major"


def another_message(codes: Any) -> None:
    codes["OT_NOT_MEDICALLY_NECESSARY"]["message"] = "This is another message."


def test_new_wording_is_a_patch_version(released: Path, root: Path) -> None:
    change_data(root / REASON_CODES, another_message)
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    assert change_of(diff(old, new, ["referral_route"], {}, quick=True, as_of=DAY)) == "patch"


def test_a_request_that_is_valid_now_makes_a_minor_version(released: Path, root: Path) -> None:
    form = '"units_already_authorized": {"kind": "whole_number", "least": 0, "most": '
    file = root / "policies/therapy/request/data.json"
    text = file.read_text(encoding="utf-8")
    assert f"{form}99" in text
    file.write_text(text.replace(f"{form}99", f"{form}120"), encoding="utf-8")
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    assert change_of(diff(old, new, ["pediatric_ot_claim"], {}, quick=True, as_of="1950-01-01")) == "minor"


def change_standard_answer(root: Path, old: str, new: str) -> None:
    """Change the entry of one code as text: PyYAML would write "08" without quotes, which OPA reads as a number."""
    file = root / STANDARD_ANSWERS
    before, code, after = file.read_text(encoding="utf-8").partition("DC_ADAPTED:")
    assert old in after
    file.write_text(before + code + after.replace(old, new, 1), encoding="utf-8")


def test_another_standard_answer_is_a_minor_version(released: Path, root: Path) -> None:
    change_standard_answer(root, 'review_reason: "14"', 'review_reason: "25"')
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    assert change_of(diff(old, new, ["pt_continuation"], {}, quick=True, as_of="1950-01-01")) == "minor"


def test_another_rule_of_standard_answers_is_a_minor_version(released: Path, root: Path) -> None:
    replace(root / "policies/therapy/standard_answer.rego", '"A decision is pending"', '"This waits"')
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    document = diff(old, new, ["pt_continuation"], {}, quick=False, as_of="1950-01-01")
    assert change_of(document) == "minor"
    assert document["verdict"] == (
        "No change in behavior: nothing that changed can change a decision on these types of requests. "
        "The standard answers changed. Only decisions were compared, not answers."
    )
    assert document["decided"]["pt_continuation"]["can_differ"] is False


def test_a_standard_answer_that_was_verified_is_a_patch_version(released: Path, root: Path) -> None:
    change_standard_answer(root, "verified: false", "verified: true")
    old, new = load(str(released / "policies")), load(str(root / "policies"))
    assert change_of(diff(old, new, ["pt_continuation"], {}, quick=True, as_of="1950-01-01")) == "patch"


@pytest.mark.parametrize(
    ("change", "version", "smallest"),
    [
        ("patch", VERSION, NEXT_PATCH),
        ("minor", NEXT_PATCH, NEXT_MINOR),
        ("major", NEXT_MINOR, NEXT_MAJOR),
    ],
)
def test_a_version_that_is_too_small_is_refused(root: Path, change: str, version: str, smallest: str) -> None:
    first = read_release(root / f"releases/{VERSION}.yaml")
    release = dataclasses.replace(first, previous=VERSION, change=change, version=version)
    line = (root / VERSION_FILE).read_text(encoding="utf-8").splitlines().index(f"version: {VERSION}") + 1
    with pytest.raises(PolicyNotAccepted) as refusal:
        Proposal(root, release, None, ()).check_version()
    assert f"{VERSION_FILE}:{line}: version {version} is too small after {VERSION}" in str(refusal.value)
    assert f"The smallest version that is right is {smallest}." in str(refusal.value)
    for enough, size in ((smallest, "right"), ("99.0.0", "greater than needed")):
        in_words = Proposal(root, dataclasses.replace(release, version=enough), None, ()).check_version()
        assert f"Version {enough} is {size} after {VERSION}" in in_words
        assert f"The smallest version that is right is {smallest}." in in_words


def test_the_smallest_version_follows_semantic_versioning() -> None:
    assert smallest_version("1.2.3", "patch") == "1.2.4"
    assert smallest_version("1.2.3", "minor") == "1.3.0"
    assert smallest_version("1.2.3", "major") == "2.0.0"


def test_a_version_line_alone_is_a_patch(root: Path) -> None:
    set_version(root, VERSION, NEXT_MAJOR)
    add_entry(root, NEXT_MAJOR, DAY)
    output, errors = accept(root, "--date", DAY, "--yes", "--sample", "referral_route")
    assert "No change in behavior." in output
    because = "because no decision and no answer changed"
    assert f"Version {NEXT_MAJOR} is greater than needed after {VERSION}, {because}." in errors
    assert f"The smallest version that is right is {NEXT_PATCH}." in errors
    assert record_of(root, NEXT_MAJOR)["change"] == "patch"


def test_a_policy_with_a_slip_is_refused_with_its_file_and_line(root: Path) -> None:
    file = root / PARAMETERS
    before, _, after = file.read_text(encoding="utf-8").partition("treatment:")
    file.write_text(f"{before}treatmnt:{after}", encoding="utf-8")
    line = before.count("\n") + 1
    set_version(root, VERSION, NEXT_MAJOR)
    add_entry(root, NEXT_MAJOR, DAY)
    output, errors = accept(root, "--date", DAY, "--yes", status=2)
    assert output == ""
    assert f"{PARAMETERS}:{line}: `treatmnt` is not a known key. Did you mean `treatment`?" in errors
    assert not (root / f"releases/{NEXT_MAJOR}.yaml").exists()


def test_two_policies_never_have_the_same_version(root: Path) -> None:
    change_data(root / REASON_CODES, another_message)
    _, errors = accept(root, "--date", DAY, "--yes", status=1)
    assert f"another policy is release {VERSION} already" in errors
    assert f"{NEXT_PATCH} or greater" in errors


def test_a_version_without_an_entry_in_the_changelog_is_refused(root: Path) -> None:
    set_version(root, VERSION, NEXT_MAJOR)
    _, errors = accept(root, "--date", "2026-12-15", "--yes", status=1)
    assert f"policies/CHANGELOG.md:3: version {NEXT_MAJOR} needs an entry" in errors
    assert f"## [{NEXT_MAJOR}] - 2026-12-15" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--yes"], "give --date"),
        (["--date", DAY], "give --yes"),
        (["--date", "2026-02-30", "--yes"], "2026-02-30 is not a date"),
        (["--date", "December", "--yes"], "December is not a date"),
        (["--date", "2026-11-30", "--yes"], f"2026-11-30 is before {DAY}"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(released: Path, arguments: list[str], message: str) -> None:
    _, errors = accept(released, *arguments, status=2)
    assert message in errors


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("change: first", "change: firts", ':9: `change` is "firts". Did you mean `first`?'),
        ("accepted_on: '2026-12-01'", "accepted_on: 2026-12-01", ":4: `accepted_on` is 2026-12-01 without quotes"),
        ("accepted_on: '2026-12-01'", "accepted_on: '2026-12-32'", "which is not a date"),
        (f"version: {VERSION}", "version: 9.9.9", "it is about version 9.9.9"),
        ("previous: null", "previous: 0.9.0", "`previous` is 0.9.0"),
        ("changes: []", "changes: [", ": This is not YAML"),
    ],
)
def test_a_record_that_is_not_valid_is_named(root: Path, old: str, new: str, message: str) -> None:
    replace(root / f"releases/{VERSION}.yaml", old, new)
    result = run("history", cwd=root)
    assert result.returncode == 2
    assert result.stdout == b""
    assert f"releases/{VERSION}.yaml cannot be used" in result.stderr.decode()
    assert message in result.stderr.decode()


def test_a_release_whose_policy_is_not_in_the_history_is_not_used(root: Path) -> None:
    digest = record_of(root, VERSION)["text_digest"]
    replace(root / f"releases/{VERSION}.yaml", digest, digest[::-1])
    result = run("decide", ROOT / "examples/pt_visit.json", "--bundle", VERSION, cwd=root)
    assert result.returncode == 2
    assert result.stdout == b""
    assert f"The policy of release {VERSION} was not found" in result.stderr.decode()


def test_history_names_the_policy_of_a_day(released: Path) -> None:
    (release,) = json.loads(run("history", "--on", "2030-01-01", "--json", cwd=released).stdout)
    assert release["version"] == VERSION
    before = run("history", "--on", "2026-11-30", cwd=released)
    assert before.returncode == 1
    assert before.stdout == b"There is no release from 2026-11-30 or before.\n"
    assert run("history", "--on", "soon", cwd=released).returncode == 2


def test_a_sidecar_decides_by_its_own_policy() -> None:
    result = run("decide", "examples/pt_visit.json", "--bundle", "policies", "--sidecar", "http://127.0.0.1:1")
    assert result.returncode == 2
    assert b"Leave out --sidecar or --bundle" in result.stderr


def test_history_says_who_signed_and_what_is_stale(root: Path) -> None:
    roster = 'reviewers: [{id: first.reviewer, name: First Reviewer, role: lead, from: "2026-01-01"}]\n'
    (root / "reviewers.yaml").write_text(roster, encoding="utf-8")
    who = ("--by", "first.reviewer", "--on", "2026-11-20", "--verdict", "confirmed", "--yes")
    assert run("sign-off", VERSION, *who, cwd=root).returncode == 0
    table = run("history", cwd=root).stdout.decode()
    assert "first.rev" in table
    assert f"The policy here is release {VERSION}.\n1 of " in table
    replace(root / REASON_CODES, "Correct the date of the referral", "Correct the referral's date")
    table = run("history", cwd=root).stdout.decode()
    assert f"The policy here, {VERSION}, is not a release. Run `therapy-policy accept`.\n" in table
    assert f"\nstale: release {VERSION}: First Reviewer (lead) confirmed it on 2026-11-20" in table
