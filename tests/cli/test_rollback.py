"""docs/rollback.md, followed step by step: the commands are read from the page."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cli.command import ROOT, environment, run
from tests.cli.policies import DAY
from tests.cli.releases import (
    MINUTES,
    NEXT_MAJOR,
    NEXT_MINOR,
    VERSION,
    add_entry,
    commit,
    first_release,
    git,
    set_version,
    three_more_visits,
)
from therapy_policy.policy.bundles import load

PAGE = (ROOT / "docs/rollback.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ *\$ (.*)$", PAGE, re.MULTILINE)
START = "2027-01-01"
BACK_ON = "2027-02-01"


def test_a_release_is_rolled_back_as_the_page_says(tmp_path: Path) -> None:
    root = first_release(tmp_path / "repository")
    digest = load(str(root / "policies")).digest
    three_more_visits(root, START)
    set_version(root, VERSION, NEXT_MINOR)
    add_entry(root, NEXT_MINOR, DAY)
    follow(root, "therapy-policy accept --date DATE --sample pt_referral", DATE=DAY)
    commit(root)
    write_log(root)

    history, restore, accept, generate, test, add, git_commit, replay = COMMANDS
    assert (generate, test) == ("make generate", "make test")  # this repository has no Makefile
    assert VERSION in follow(root, history)
    first = json.loads(run("history", "--json", cwd=root).stdout)[0]
    assert first["version"] == VERSION
    follow(root, restore, COMMIT=first["git_revision"])
    set_version(root, VERSION, NEXT_MAJOR)
    add_entry(root, NEXT_MAJOR, BACK_ON)
    follow(root, f"{accept} --sample pt_referral", DATE=BACK_ON)
    follow(root, add)
    follow(root, git_commit)
    assert git(root, "status", "--porcelain", "--", "policies", "releases") == ""

    back = load(str(root / "policies"))
    assert back.digest == digest
    assert f"## [{NEXT_MINOR}]" in (root / "policies/CHANGELOG.md").read_text(encoding="utf-8")
    assert [each["version"] for each in json.loads(run("history", "--json", cwd=root).stdout)] == [
        VERSION,
        NEXT_MINOR,
        NEXT_MAJOR,
    ]
    report = follow(root, replay, status=1)
    _, to_reopen = report.split("Requests to reopen:\n")
    assert to_reopen.split("\n") == [
        f"  line 2, request_id visit-7: authorized by policy {NEXT_MINOR} -> denied",
        f"  line 3, request_id visit-8: authorized by policy {NEXT_MINOR} -> denied",
        "",
    ]


def follow(root: Path, command: str, status: int = 0, **words: str) -> str:
    """Run a command of the page, with a real word for each placeholder, and without a question."""
    for placeholder, word in words.items():
        assert placeholder in command
        command = command.replace(placeholder, word)
    program, *arguments = shlex.split(command)
    if arguments[0] == "accept":
        arguments.append("--yes")
    programs = {"therapy-policy": [sys.executable, "-m", "therapy_policy.cli"], "git": ["git"]}
    done = subprocess.run(
        [*programs[program], *arguments], cwd=root, env=environment(), capture_output=True, text=True, timeout=MINUTES
    )
    assert done.returncode == status, done.stderr
    return done.stdout


def write_log(root: Path) -> None:
    """Write the log of a sidecar that decided four visits by the newest policy."""
    requests = [visit(5), visit(7), visit(8), visit(12)]
    with load(str(root / "policies")).client() as client:
        decisions = client.decide_many(requests)
    entries = [
        {"decision_id": str(n), "path": "therapy/decision", "input": request, "result": decision}
        for n, (request, decision) in enumerate(zip(requests, decisions, strict=True))
    ]
    (root / "sidecar.log").write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def visit(number: int) -> dict[str, Any]:
    """A treatment visit of the nonacute tier in the new period, after an evaluation and the visits before it."""
    return {
        "request_type": "pt_visit",
        "request_id": f"visit-{number}",
        "benefit_status": "covered",
        "service_date": "2027-01-20",
        "specialty": "none",
        "tier": "nonacute",
        "visit": {"number": number, "kind": "treatment", "units": 4, "units_already_authorized": 0},
        "progress_note_number": number,
        "prior_visits": {"evaluation": 1, "treatment": number - 2},
        "plan_of_care_complete": True,
    }
