"""`therapy-policy sign-off` on copies of the policy: who may sign, what a signature is bound to, who asks for it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.cli.command import COMMAND, ROOT, SECONDS, environment, run
from tests.running import running_sidecar
from therapy_policy.errors import FileNotUsable
from therapy_policy.policy import bundles
from therapy_policy.policy.releases import releases_of
from therapy_policy.policy.sign_offs import (
    Point,
    points_of,
    read_sign_offs,
    sign_offs_of_release,
    summary_lines,
    unsigned,
)

THERAPY = bundles.packaged_bundle().data["therapy"]
VERSION = THERAPY["register"]["policy"]["version"]
INTERPRETATIONS = [*THERAPY["register"]["interpretations"]]

ROSTER = """\
reviewers:
  - {id: first.reviewer, name: First Reviewer, role: "compliance, lead", from: "2026-02-01"}
  - {id: second.reviewer, name: Second Reviewer, role: medical director, from: "2026-02-01", until: "2026-03-31"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the policy with a roster of its own."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    (tmp_path / "reviewers.yaml").write_text(ROSTER, encoding="utf-8")
    return tmp_path


def sign(
    root: Path, *subjects: str, by: str = "first.reviewer", on: str = "2026-03-02", verdict: str = "confirmed"
) -> subprocess.CompletedProcess[bytes]:
    return run("sign-off", *subjects, "--by", by, "--on", on, "--verdict", verdict, "--yes", cwd=root)


def signed(root: Path, *subjects: str, **more: str) -> None:
    result = sign(root, *subjects, **more)
    assert result.returncode == 0, result.stderr.decode()


def refused(root: Path, result: subprocess.CompletedProcess[bytes], *named: str) -> None:
    """The command refused to sign, says why, and wrote nothing."""
    message = result.stderr.decode()
    assert result.returncode == 2, message
    assert "Traceback" not in message
    for each in named:
        assert each in message
    assert not (root / "sign-offs").exists()


def reworded(root: Path, register: str, name: str, field: str) -> None:
    """Add a word to a text in a register."""
    path = root / "policies/therapy/register" / register / "data.yaml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries[name][field] += " Indeed."
    path.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")


def rewritten(root: Path, file: str, old: str, new: str) -> None:
    """Replace the last part of a file that reads so."""
    path = root / "policies/therapy" / file
    before, found, after = path.read_text(encoding="utf-8").rpartition(old)
    assert found
    path.write_text(before + new + after, encoding="utf-8")


def points(root: Path) -> dict[str, Point]:
    return {point.subject: point for point in points_of(bundles.load(str(root)), root)}


def records_of(root: Path) -> list[Point]:
    """Read the records for the policy of the package, which is the same and is compiled."""
    return points_of(bundles.packaged_bundle(), root)


def accepted(root: Path) -> None:
    """Write the record of a first release with the policy, as `accept` would."""
    (root / "releases").mkdir()
    record = asdict(releases_of(ROOT)[-1])
    record |= {"version": VERSION, "previous": None, "text_digest": bundles.load(str(root)).digest_of_everything}
    (root / "releases" / f"{VERSION}.yaml").write_text(yaml.safe_dump(record), encoding="utf-8")


# --- Who may sign, when, and what ------------------------------------------------------------------------------------


def test_what_is_signed_is_shown_and_recorded(root: Path) -> None:
    result = sign(root, "INT-4", "INT-18")
    shown = result.stdout.decode()
    entry = THERAPY["register"]["interpretations"]["INT-4"]
    code = THERAPY["register"]["reason_codes"]["PT_ACUTE_EVENT_NOT_LISTED"]
    for each in (entry["silence"], entry["choice"], "PT_ACUTE_EVENT_NOT_LISTED", code["message"]):
        assert each in shown
    (rule,) = [rule for rule in bundles.packaged_bundle().rego.rules if "PT_ACUTE_EVENT_NOT_LISTED" in rule.texts]
    assert rule.title
    assert rule.title in shown
    assert "therapy/outpatient_pt/discontinuation.rego" in shown  # the rule of INT-18 asks that page
    for name in ("INT-4", "INT-18"):
        assert f"signed: {root / 'sign-offs' / name}.yaml" in shown
        (record,) = yaml.safe_load((root / "sign-offs" / f"{name}.yaml").read_text(encoding="utf-8"))
        assert record.keys() == {"verdict", "by", "date", "policy_version", "digest"}
        assert record["digest"] in shown
    states = {name: point.state for name, point in points(root).items()}
    assert {name for name, state in states.items() if state == "signed"} == {"INT-4", "INT-18"}
    assert states[f"release {VERSION}"] == "open"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"by": "Invented Name"}, "nobody in reviewers.yaml has the id Invented Name"),
        ({"by": "first.reviewr"}, "Did you mean `first.reviewer`?"),
        ({"on": "2099-01-01"}, "2099-01-01 is in the future"),
        ({"on": (date.today() + timedelta(days=1)).isoformat()}, "is in the future"),
        ({"on": "2026-02-30"}, "2026-02-30 is not a real date"),
        ({"on": "20260302"}, "20260302 is not a real date"),
        ({"on": "2026-01-31"}, "first.reviewer may sign from 2026-02-01 on"),
        ({"by": "second.reviewer", "on": "2026-04-01"}, "second.reviewer could sign through 2026-03-31"),
        ({"verdict": "approved"}, "approved is not a verdict"),
        ({"verdict": "confirmd"}, "Did you mean `confirmed`?"),
        ({"verdict": "to_change"}, "needs a --comment"),
    ],
)
def test_nobody_else_on_no_other_day(root: Path, change: dict[str, str], named: str) -> None:
    refused(root, sign(root, "INT-1", **change), named)


@pytest.mark.parametrize(
    ("subjects", "named"),
    [
        (["INT-99"], "no interpretation INT-99. Did you mean `INT-9`?"),
        (["int-1"], "Did you mean `INT-1`?"),
        (["INT-1", "INT-2", "INT-1"], "INT-1 is there twice"),
        (["release"], "no interpretation release"),
        (["release 99.0.0"], f"no release 99.0.0; the policy is version {VERSION}"),
        (["release", "INT-1"], "no release INT-1"),
        ([VERSION], f"nobody has accepted release {VERSION}"),
        ([], "Give either SUBJECT"),
    ],
)
def test_nothing_else_can_be_signed(root: Path, subjects: list[str], named: str) -> None:
    refused(root, sign(root, *subjects), named)


def test_every_problem_is_named_at_once(root: Path) -> None:
    result = sign(root, "INT-99", "INT-98", by="nobody", on="2099-01-01")
    refused(root, result, "INT-99", "INT-98", "nobody in reviewers.yaml", "2099-01-01 is in the future")


def test_the_records_of_this_repository_can_be_used() -> None:
    assert len(records_of(ROOT)) == len(INTERPRETATIONS) + 1


# --- Asking ----------------------------------------------------------------------------------------------------------


def answered(root: Path, answer: bytes) -> int:
    """Run the command on a terminal, and answer its question."""
    ours, theirs = pty.openpty()
    command = ["sign-off", "INT-1", "--by", "first.reviewer", "--on", "2026-03-02", "--verdict", "confirmed"]
    with subprocess.Popen(
        [*COMMAND, *command], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=root, env=environment()
    ) as process:
        os.write(ours, answer)
        process.communicate(timeout=SECONDS)
    os.close(ours)
    os.close(theirs)
    return process.returncode


def test_it_asks_on_a_terminal(root: Path) -> None:
    assert answered(root, b"n\n") == 1
    assert not (root / "sign-offs").exists()
    assert answered(root, b"y\n") == 0
    assert points(root)["INT-1"].state == "signed"


def test_without_a_terminal_it_does_not_guess(root: Path) -> None:
    command = ["sign-off", "INT-1", "--by", "first.reviewer", "--on", "2026-03-02", "--verdict", "confirmed"]
    result = run(*command, cwd=root)
    refused(root, result, "add --yes")
    assert b"What the policy does" in result.stdout


# --- Several verdicts, and their history -----------------------------------------------------------------------------

SEVERAL = [
    {"subject": "INT-1", "verdict": "confirmed"},
    {"subject": "INT-2", "verdict": "to_change", "comment": "Deny it: the É limit\nis the same."},
]


@pytest.mark.parametrize(("name", "dump"), [("verdicts.yaml", yaml.safe_dump), ("verdicts.json", json.dumps)])
def test_a_file_of_verdicts(root: Path, name: str, dump: Callable[[object], str]) -> None:
    (root / name).write_text(dump(SEVERAL), encoding="utf-8")
    result = run("sign-off", "--from", name, "--by", "first.reviewer", "--on", "2026-03-02", "--yes", cwd=root)
    assert result.returncode == 0, result.stderr.decode()
    found = points(root)
    assert (found["INT-1"].state, found["INT-2"].state) == ("signed", "to_change")
    sign_off = found["INT-2"].sign_off
    assert sign_off
    assert sign_off.comment == SEVERAL[1]["comment"]


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        (
            "v.yaml",
            "- subject: INT-1\n  verdict: confirmd\n",
            "v.yaml:2: `verdict` is",
        ),
        ("v.yaml", "- subject: INT-1\n  verdict: to_change\n", "v.yaml:1: `comment` is missing"),
        (
            "v.yaml",
            "- subject: INT-1\n  verdict: confirmed\n  verdict: to_change\n",
            "v.yaml:3: `verdict` is here twice",
        ),
        ("v.yaml", "- {subject: INT-1, verdict: confirmed, coment: x}\n", "Did you mean `comment`?"),
        ("v.yaml", "- subject: INT-99\n  verdict: confirmed\n", "no interpretation INT-99"),
        ("v.yaml", "- subject: INT-1 INT-2\n  verdict: confirmed\n", "no interpretation INT-1 INT-2"),
        ("v.yaml", "", "v.yaml:1: The file is empty."),
        ("v.yaml", "- [", "v.yaml:2: This is not YAML"),
        (
            "v.json",
            '[{"subject": "INT-1", "subject": "INT-2", "verdict": "confirmed"}]',
            "`subject` is here twice",
        ),
        ("v.json", '[{"subject": "INT-1", "verdict": "confirmed", "comment": "\\ud800"}]', "not text in UTF-8"),
        ("v.json", "[", "v.json: This is not JSON"),
        ("missing.yaml", None, "missing.yaml cannot be read"),
        (
            "v.yaml",
            f"- {json.dumps({'subject': 'INT-1', 'verdict': 'confirmed', 'digest': '0' * 64})}\n",
            "the text of INT-1 is not the one that the verdict is on",
        ),
        ("v.yaml", "- {subject: INT-1, verdict: confirmed, digest: abc}\n", "v.yaml:1: `digest` is"),
    ],
)
def test_a_file_of_verdicts_that_cannot_be_used(root: Path, name: str, text: str | None, named: str) -> None:
    if text is not None:
        (root / name).write_text(text, encoding="utf-8")
    result = run("sign-off", "--from", name, "--by", "first.reviewer", "--on", "2026-03-02", "--yes", cwd=root)
    refused(root, result, named)


def test_a_new_verdict_leaves_the_earlier_ones(root: Path) -> None:
    signed(root, "INT-1", on="2026-03-02")
    file = root / "sign-offs" / "INT-1.yaml"
    first = file.read_bytes()
    command = ["sign-off", "INT-1", "--by", "second.reviewer", "--on", "2026-03-03", "--verdict", "to_change"]
    assert run(*command, "--comment", "Ask for the age.", "--yes", cwd=root).returncode == 0
    assert file.read_bytes().startswith(first)
    assert points(root)["INT-1"].state == "to_change"
    before = file.read_bytes()
    result = sign(root, "INT-1", on="2026-03-01")
    assert result.returncode == 2
    assert b"INT-1 has a newer verdict, of 2026-03-03" in result.stderr
    assert file.read_bytes() == before
    signed(root, "INT-1", on="2026-03-04")
    assert file.read_bytes().startswith(before)
    assert points(root)["INT-1"].state == "signed"
    assert [each.date for each in read_sign_offs(root)["INT-1"]] == ["2026-03-02", "2026-03-03", "2026-03-04"]


# --- What a signature is bound to ------------------------------------------------------------------------------------


SIGNED = ["INT-1", "INT-2", "INT-4", "INT-5", "INT-7", "INT-8", "INT-18"]


@pytest.fixture(scope="module")
def signed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("signed")
    shutil.copytree(ROOT / "policies", root / "policies")
    (root / "reviewers.yaml").write_text(ROSTER, encoding="utf-8")
    signed(root, *SIGNED)
    return root


def changed_field(root: Path) -> None:
    path = root / "policies/therapy/request/data.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["forms"]["benefit_status?"]["expected"] += " indeed"
    path.write_text(json.dumps(fields), encoding="utf-8")


REFERRAL, ENDING = "outpatient_pt/referral.rego", "outpatient_pt/discontinuation.rego"


@pytest.mark.parametrize(
    ("edit", "stale"),
    [
        (lambda root: reworded(root, "interpretations", "INT-2", "choice"), {"INT-2"}),
        (lambda root: reworded(root, "interpretations", "INT-8", "silence"), {"INT-8"}),
        (lambda root: reworded(root, "reason_codes", "PT_TIER_NOT_NAMED", "message"), {"INT-5"}),
        # A rule on the page of the codes, or a page that a rule asks. INT-8 is about all rules.
        (lambda root: rewritten(root, REFERRAL, "\n", "\n\n_more := 1\n"), {"INT-4", "INT-5", "INT-8"}),
        (lambda root: rewritten(root, REFERRAL, "# title: ", "# title: Indeed, "), {"INT-4", "INT-5", "INT-8"}),
        (lambda root: rewritten(root, ENDING, "\n", "\n\n_more := 1\n"), {"INT-7", "INT-18", "INT-8"}),
        (changed_field, {"INT-1"}),
        # Nothing that these reviewers read.
        (lambda root: rewritten(root, REFERRAL, "\n", "\n\n# A comment.\n"), set()),
        (lambda root: rewritten(root, "parameters/data.yaml", "hours: Monday", "hours: Tuesday"), set()),
        (lambda root: reworded(root, "reason_codes", "BENEFIT_NOT_COVERED", "message"), set()),
        (lambda root: reworded(root, "interpretations", "INT-3", "choice"), set()),
    ],
)
def test_a_signature_is_stale_as_soon_as_what_was_read_changes(
    signed_once: Path, tmp_path: Path, edit: Callable[[Path], None], stale: set[str]
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(signed_once, root)
    edit(root)
    found = points(root)
    assert {name for name in SIGNED if found[name].state == "stale"} == stale
    assert {name for name in SIGNED if found[name].state == "signed"} == {*SIGNED} - stale
    for name in stale:
        assert "has changed since" in found[name].in_words
        assert any(line.startswith(f"stale: {name}: First Reviewer") for line in summary_lines([*found.values()]))


def test_a_stale_signature_can_be_renewed(root: Path) -> None:
    signed(root, "INT-2")
    reworded(root, "interpretations", "INT-2", "choice")
    assert points(root)["INT-2"].state == "stale"
    signed(root, "INT-2")
    assert points(root)["INT-2"].state == "signed"


def test_a_release_is_signed_whole(root: Path) -> None:
    accepted(root)
    signed(root, "release", VERSION)
    assert points(root)[f"release {VERSION}"].state == "signed"
    (sign_off,) = sign_offs_of_release(VERSION, root)
    assert (sign_off.reviewer.name, sign_off.date) == ("First Reviewer", "2026-03-02")
    assert sign_offs_of_release("99.0.0", root) == []
    rewritten(root, REFERRAL, "\n", "\n\n# A comment.\n")
    assert points(root)[f"release {VERSION}"].state == "stale"
    result = sign(root, VERSION)
    assert result.returncode == 2
    assert b"the policy has changed since" in result.stderr


# --- Records that cannot be used -------------------------------------------------------------------------------------

RECORD = {
    "verdict": "confirmed",
    "by": "first.reviewer",
    "date": "2026-03-02",
    "policy_version": "1.0.0",
    "digest": "0" * 64,
}


@pytest.mark.parametrize(
    ("name", "records", "named"),
    [
        ("INT-1", [RECORD | {"by": "Invented Name"}], "INT-1.yaml:2: nobody in reviewers.yaml"),
        ("INT-1", [RECORD | {"date": "2099-01-01"}], "INT-1.yaml:3: 2099-01-01 is in the future"),
        ("INT-1", [RECORD | {"date": "2026-02-30"}], "INT-1.yaml:3: 2026-02-30 is not a real date"),
        ("INT-1", [RECORD | {"date": "March"}], 'INT-1.yaml:3: `date` is "March". Expected: a date in quotes'),
        ("INT-1", [RECORD | {"date": "2026-01-31"}], "INT-1.yaml:2: first.reviewer may sign from"),
        ("INT-1", [RECORD, RECORD | {"date": "2026-03-01"}], "INT-1.yaml:8: 2026-03-01 is before the verdict above"),
        (
            "INT-1",
            [RECORD | {"verdict": "aproved"}],
            'INT-1.yaml:1: `verdict` is "aproved". Choose one of',
        ),
        ("INT-1", [RECORD | {"verdict": "to_change"}], "INT-1.yaml:1: `comment` is missing"),
        ("INT-1", [RECORD | {"digest": "0"}], 'INT-1.yaml:5: `digest` is "0". Expected: the SHA-256'),
        ("INT-1", [RECORD | {"comment": " "}], "INT-1.yaml:6:"),
        ("INT-1", [{"verdict": "confirmed"}], "INT-1.yaml:1: `policy_version` is missing"),
        ("INT-1", [], "INT-1.yaml:1:"),
        ("INT-99", [RECORD], "INT-99.yaml:1: the policy has no interpretation INT-99. Did you mean `INT-9`?"),
        ("release-99.0.0", [RECORD], "release-99.0.0.yaml:1: there is no release 99.0.0"),
        ("int-1", [RECORD], "int-1.yaml:1: the name is neither"),
    ],
)
def test_a_record_that_cannot_be_used_is_named_with_its_line(
    root: Path, name: str, records: list[dict[str, str]], named: str
) -> None:
    (root / "sign-offs").mkdir()
    (root / "sign-offs" / f"{name}.yaml").write_text(yaml.safe_dump(records, sort_keys=False), encoding="utf-8")
    with pytest.raises(FileNotUsable) as refusal:
        records_of(root)
    assert f"sign-offs/{named}" in str(refusal.value)


def test_a_key_that_is_there_twice_is_refused(root: Path) -> None:
    signed(root, "INT-1")
    with (root / "sign-offs" / "INT-1.yaml").open("a", encoding="utf-8") as file:
        file.write("  verdict: to_change\n")
    with pytest.raises(FileNotUsable, match=r"sign-offs/INT-1\.yaml:6: `verdict` is here twice"):
        records_of(root)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "reviewers:\n  - {id: a, name: A, role: B, from: '2026-02-30'}\n",
            ":2: 2026-02-30 is not a real date",
        ),
        (
            "reviewers:\n  - {id: a, name: A, role: B, from: 2026-03-01}\n",
            ":2: `from` is 2026-03-01 without quotes",
        ),
        ("reviewers:\n  - {id: a, name: A, role: B}\n", "reviewers.yaml:2: `from` is missing"),
        ('reviewers:\n  - {id: a, name: A, rol: B, from: "2026-01-01"}\n', "Did you mean `role`?"),
        (
            "reviewers:\n  - {id: a, name: A, role: B, from: '2026-01-02', until: '2026-01-01'}\n",
            "before the first",
        ),
        (f"{ROSTER}  - {{id: first.reviewer, name: A, role: B, from: '2026-01-01'}}\n", "reviewers.yaml:4: the id"),
        ("reviewers: []\nreviewers: []\n", "reviewers.yaml:2: `reviewers` is here twice, first in line 1."),
        ("reviewers: &a [*a]\n", "reviewers.yaml"),
        ("[]\n", "reviewers.yaml:1:"),
    ],
)
def test_a_roster_that_cannot_be_used(root: Path, text: str, named: str) -> None:
    (root / "reviewers.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FileNotUsable) as refusal:
        records_of(root)
    assert named in str(refusal.value)


def test_nothing_is_signed_while_a_record_cannot_be_used(root: Path) -> None:
    (root / "reviewers.yaml").write_text("reviewers: {}\n", encoding="utf-8")
    refused(root, sign(root, "INT-1"), "reviewers.yaml:1:")


# --- Who asks for signatures -----------------------------------------------------------------------------------------


def served(root: Path) -> subprocess.CompletedProcess[bytes]:
    return run("serve", "--require-signed", "--sign-offs", root, "--port", "1")


def test_the_sidecar_starts_only_when_everything_is_signed(root: Path, tmp_path: Path) -> None:
    result = served(root)
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    for subject in [*INTERPRETATIONS, f"release {VERSION}"]:
        (line,) = [each for each in lines if each.startswith(f"{subject}: ")]
        assert f"therapy-policy sign-off {subject} --by" in line
    accepted(root)
    signed(root, *INTERPRETATIONS, f"release {VERSION}")
    with running_sidecar(tmp_path / "log", "--require-signed", "--sign-offs", str(root)):
        pass
    command = ["sign-off", "INT-1", "--by", "first.reviewer", "--on", "2026-03-02", "--verdict", "to_change"]
    assert run(*command, "--comment", "Ask for the age.", "--yes", cwd=root).returncode == 0
    result = served(root)
    assert result.returncode == 1
    assert "INT-1: First Reviewer (compliance, lead) asked for a change" in result.stderr.decode()
    assert len(unsigned([*points(root).values()])) == 1


def test_an_installed_package_has_no_records() -> None:
    assert bundles.directory_of_records(str(ROOT / "python/therapy_policy/policy/packaged/bundle.tar.gz")) is None
    assert bundles.directory_of_records("HEAD") is None
    assert (
        bundles.directory_of_records(None)
        == bundles.directory_of_records(str(ROOT))
        == bundles.directory_of_records(str(ROOT / "policies"))
        == ROOT
    )
    found = points_of(bundles.packaged_bundle(), None)
    assert {point.state for point in found} == {"open"}
    assert len(unsigned(found)) == len(found) == len(INTERPRETATIONS) + 1


def test_the_site_shows_who_signed(root: Path) -> None:
    accepted(root)
    signed(root, "INT-1", "INT-2", f"release {VERSION}")
    several = [{"subject": "INT-3", "verdict": "to_change", "comment": "<b>Count</b> timed units."}]
    (root / "verdicts.json").write_text(json.dumps(several), encoding="utf-8")
    command = ["sign-off", "--from", "verdicts.json", "--by", "second.reviewer", "--on", "2026-03-03", "--yes"]
    assert run(*command, cwd=root).returncode == 0
    reworded(root, "interpretations", "INT-2", "choice")
    output = root / "site"
    assert run("review", "--output", output, "--bundle", root / "policies").returncode == 0
    page = BeautifulSoup((output / "interpretations.html").read_text(encoding="utf-8"), "html.parser")
    for name, state, words in [
        ("INT-1", "signed", "First Reviewer, compliance, lead Date 2026-03-02"),
        ("INT-2", "stale", "What was read has changed since it was signed."),
        ("INT-3", "to_change", "Second Reviewer, medical director Date 2026-03-03"),
        ("INT-3", "to_change", "Comment <b>Count</b> timed units."),
        ("INT-4", None, "Nobody has signed it yet."),
    ]:
        entry = page.find(id=name)
        assert entry
        assert words in " ".join(entry.get_text(" ").split())
        assert [badge["class"][1] for badge in entry.select("dl.facts .usa-tag")] == ([state] if state else [])
        assert (f"therapy-policy sign-off {name}" in entry.get_text()) == (state != "signed")
    overview = BeautifulSoup((output / "index.html").read_text(encoding="utf-8"), "html.parser")
    words = " ".join(overview.get_text(" ").split())
    assert f"1 signed, {len(INTERPRETATIONS) - 3} open, 1 stale, 1 to change" in words
    assert "INT-1 (First Reviewer, 2026-03-02)" in overview.get_text()
    assert "INT-3 (Second Reviewer, 2026-03-03)" in overview.get_text()
    release = overview.find(id="sign")
    assert release
    assert release.parent
    assert "What was read has changed since it was signed." in release.parent.get_text()
