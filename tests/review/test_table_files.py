"""The decision tables as files: a spreadsheet reads the CSV, and a rules tool reads and evaluates the DMN."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from therapy_policy.review.decision_tables import DecisionTables
from therapy_policy.review.table_files import COLUMNS, MODEL, table_as_csv, table_as_dmn
from therapy_policy.toolchain.node import find_node, installed

NPM = Path(__file__).parent / "npm"


def evaluated(files: dict[Path, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What a rules tool finds in DMN files, and its answers to questions about each."""
    modules = installed(project=NPM)
    done = subprocess.run(
        [find_node(), NPM / "evaluate_dmn.mjs", modules],
        input=json.dumps([{"file": str(file), "ask": ask} for file, ask in files.items()]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def write(tables: DecisionTables, directory: Path) -> dict[str, Path]:
    files = {}
    for kind, table in tables.tables.items():
        files[kind] = directory / f"{kind}.dmn"
        files[kind].write_bytes(table_as_dmn(table, f"The type {kind}", "1.2.3"))
    return files


def findings(*conditions: str) -> str:
    return json.dumps(list(conditions))


def test_a_rules_tool_opens_every_table(tables: DecisionTables, tmp_path: Path) -> None:
    files = write(tables, tmp_path)
    for (kind, table), found in zip(
        tables.tables.items(), evaluated({file: [] for file in files.values()}), strict=True
    ):
        assert found["warnings"] == []
        assert found["decisions"][-2:] == ["Reasons", "Outcome"]
        assert found["policies"][-2:] == ["COLLECT", "FIRST"]
        assert len(found["decisions"]) - 2 == len({value for row in table.rows for value in row.values}), kind
        assert found["shapes"] > len(found["decisions"])


def test_the_first_rule_decides_the_outcome(tables: DecisionTables, tmp_path: Path) -> None:
    """For each condition alone, for all at once, and for none: the outcome that the table of the site says."""
    asked, expected = {}, {}
    for kind, file in write(tables, tmp_path).items():
        rows = [row for row in tables.tables[kind].rows if not row.granting and row.effect != "info"]
        conditions = [(condition.text, row) for row in rows for condition in row.conditions]
        [granting] = [row for row in tables.tables[kind].rows if row.granting]
        asked[file] = [
            *({"decision": "outcome", "context": {"Findings": findings(text)}} for text, _ in conditions),
            {"decision": "outcome", "context": {"Findings": findings(*(text for text, _ in conditions))}},
            {"decision": "outcome", "context": {"Findings": "[]"}},
        ]
        outcomes = [*(row for _, row in conditions), rows[0], granting]
        expected[kind] = [[[" or ".join(row.outcomes) or "pended"]] for row in outcomes]
    answers = dict(zip(asked, evaluated(asked), strict=True))
    assert {file.stem: found["results"] for file, found in answers.items()} == expected


def test_the_numbers_by_date(changed: DecisionTables, tmp_path: Path) -> None:
    def ask(day: str, tier: str) -> dict[str, Any]:
        context = {"Request date": f'date("{day}")', "Entry": json.dumps(tier)}
        return {"decision": "Initial visits of a referral, by tier: treatment", "context": context}

    file = write(changed, tmp_path)["pt_referral"]
    days = [("2022-05-31", "nonacute"), ("2026-12-31", "nonacute"), ("2027-01-01", "nonacute"), ("2027-01-01", "acute")]
    [found] = evaluated({file: [ask(*each) for each in days]})
    assert found["results"] == [[], [[5]], [[8]], [[11]]]


def test_all_reasons_that_apply(tables: DecisionTables, tmp_path: Path) -> None:
    [row] = [row for row in tables.tables["pt_visit"].rows if row.code == "PT_TREATMENT_VISIT_LIMIT"]
    assert row
    conditions = findings(row.conditions[0].text, "A request whose benefits are not verified is pended")
    [found] = evaluated(
        {write(tables, tmp_path)["pt_visit"]: [{"decision": "reasons", "context": {"Findings": conditions}}]}
    )
    [reasons] = found["results"]
    assert [each[0] for each in reasons] == ["PT_TREATMENT_VISIT_LIMIT", "BENEFIT_UNVERIFIED"]
    assert "11 (acute) or 5 (nonacute) authorized" in reasons[0][3]


def test_what_the_schema_cannot_say(tables: DecisionTables, tmp_path: Path) -> None:
    """The schema checks the rest: see `evaluate_dmn.mjs`."""
    for file in write(tables, tmp_path).values():
        root = Xml.parse(file).getroot()
        assert root.tag == f"{{{MODEL}}}definitions"
        ids = Counter(each.get("id") for each in root.iter() if each.get("id"))
        assert set(ids.values()) == {1}
        for each in root.iter():
            assert each.get("href", "#outcome")[1:] in ids
            assert each.get("dmnElementRef", "outcome") in ids


@pytest.mark.parametrize("kind", ["pt_visit", "pediatric_ot_claim"])
def test_a_spreadsheet_reads_the_table(tables: DecisionTables, kind: str) -> None:
    content = table_as_csv(tables.tables[kind])
    assert content.startswith(b"\xef\xbb\xbf")
    first, *lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert tuple(first) == COLUMNS
    assert {len(line) for line in lines} == {len(COLUMNS)}
    conditions = [condition.text for row in tables.tables[kind].rows for condition in row.conditions]
    assert [line[2] for line in lines] == conditions
    assert len(set(conditions)) == len(conditions)
    assert not [cell for line in lines for cell in line if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert not [cell for line in lines for cell in line if "{" in cell]
