"""The edits that docs/changes.md shows, applied as they are written there to a copy of the policies."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import EXAMPLES, ROOT
from tests.cli.policies import ceiling_of_the_day
from therapy_policy.policy.bundles import load
from therapy_policy.policy.check import check_directory
from tools import generate

SNIPPET = re.compile(r"^( *)```yaml\n\1# (\S+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LAST_OLD_DATE, FIRST_NEW_DATE = "2026-12-31", "2027-01-01"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    return tmp_path


def snippets(guide: str) -> list[tuple[str, str]]:
    """The file and the text of each YAML snippet below a heading."""
    page = (ROOT / "docs/changes.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {guide}\n")[1].split("\n## ")[0]
    return [(file, re.sub(f"(?m)^{indent}", "", text)) for indent, file, text in SNIPPET.findall(section)]


def apply(root: Path, file: str, snippet: str) -> None:
    """Edit a file as the page says: an entry replaces the one with its name, other lines follow the first one.

    Later periods than the first are removed, so that the policy can change and the page still be tried.
    """
    path = root / file
    text = path.read_text(encoding="utf-8")
    first, rest = snippet.split("\n", 1)
    if not first.startswith(" "):
        text, count = re.subn(rf"(?m)^{re.escape(first)}\n(?: .*\n)+", lambda _: snippet, text)
        assert count == 1, first
    else:
        before, found, after = text.partition(f"\n{first}\n")
        assert found, first
        if rest.lstrip().startswith("- from:"):
            indent = re.match(" *", rest)[0]  # type: ignore[index]
            after = re.sub(rf"\A(?:{indent}.*\n)*", "", after)
        text = f"{before}{found}{rest}{after}"
    path.write_text(text, encoding="utf-8")


def findings(root: Path) -> list[str]:
    return [str(each) for each in check_directory(root / "policies")]


def decide(root: Path, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    with load(str(root / "policies")).client() as client:
        return [dict(client.decide(request)) for request in requests]


def example(name: str, **fields: Any) -> dict[str, Any]:
    request: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return request | fields


def entry(snippet: str) -> dict[str, Any]:
    ((_, content),) = yaml.safe_load(textwrap.dedent(snippet)).items()
    assert isinstance(content, dict)
    return content


def test_a_number_changes_on_its_date(root: Path) -> None:
    ((file, snippet),) = snippets("A number")
    apply(root, file, snippet)
    assert findings(root) == []
    old, new, *visits = decide(
        root,
        example("pt_referral", referral_date=LAST_OLD_DATE),
        example("pt_referral", referral_date=FIRST_NEW_DATE),
        example("pt_visit", service_date=LAST_OLD_DATE),
        example("pt_visit", service_date=FIRST_NEW_DATE),
        example("pt_visit", service_date=FIRST_NEW_DATE, referral_date=LAST_OLD_DATE),
    )
    assert (old["authorized"]["treatment_visits"], new["authorized"]["treatment_visits"]) == (5, 8)
    assert [each["outcome"] for each in visits] == ["denied", "authorized", "denied"]


def test_a_list_changes_on_its_date_once_the_ceiling_allows_it(root: Path) -> None:
    parameters, ceiling = snippets("A list")
    ceiling_of_the_day(root / "policies")
    apply(root, *parameters)
    above = findings(root)
    assert above
    assert all("97533" in each for each in above)
    assert any("ceiling" in each for each in above)
    apply(root, *ceiling)
    assert ["therapy/ceiling/data.json" in each for each in findings(root)] == [True]
    generate.ceiling(root)
    assert findings(root) == []
    lines = [{"procedure_code": "97533", "units": 1}, {"procedure_code": "97535", "units": 1}]
    old, new = decide(
        root,
        *(
            example("pediatric_ot_claim", service_date=date, service_lines=lines)
            for date in (LAST_OLD_DATE, FIRST_NEW_DATE)
        ),
    )
    assert old["authorized"]["procedure_codes"] == ["97535"]
    assert new["authorized"]["procedure_codes"] == ["97533", "97535"]


def test_a_message_changes_and_no_decision_does(root: Path) -> None:
    request = example("pediatric_ot_claim", medical_necessity="undetermined")
    ((file, snippet),) = snippets("A message")
    apply(root, file, snippet)
    assert findings(root) == []
    (before,), (after,) = decide(ROOT, request), decide(root, request)
    messages = {each["code"]: each["message"] for each in after["reasons"]}
    assert messages["OT_MEDICAL_NECESSITY_UNDETERMINED"] == entry(snippet)["message"]
    for decision in (before, after):
        for each in decision["reasons"]:
            del each["message"]
    assert before == after


def test_an_interpretation_changes_and_the_rules_do_not(root: Path) -> None:
    ((file, snippet),) = snippets("An interpretation")
    apply(root, file, snippet)
    assert findings(root) == []
    before, after = load(str(ROOT / "policies")), load(str(root / "policies"))
    assert after.data["therapy"]["register"]["interpretations"]["INT-6"] == entry(snippet)
    assert before.digest_of_everything != after.digest_of_everything
    assert before.digest == after.digest
