"""A short run of the benchmark: everything is measured and in the page, and what misses an aim has a profile."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import bulk, embedded, profiles, rivals, sidecar
from bench.measure import compared, in_words
from bench.requests import cases
from therapy_policy.policy.bundles import packaged_bundle

ROOT = Path(__file__).resolve().parents[2]
ENGINES = [
    "plain Python",
    "DuckDB, SQL over 1,000,000 rows in memory, one thread",
    "zen-engine, a decision table",
    "zen-engine, an expression",
    "Cedar (cedarpy)",
    "Cedar (cedarpy), a batch of 1,000",
    "this policy, embedded",
    "this policy in a batch",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run that is too short for its figures to mean anything."""
    output = tmp_path_factory.mktemp("bench") / "page.md"
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--requests", "4", "--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    text = output.read_text(encoding="utf-8")
    assert done.stdout == f"{text}\n"
    return text


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each row of the first table, by the first one; of two rows with one name, the first."""
    table = page.partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    return {first: [first, *rest] for first, *rest in reversed(cells)}


def test_each_type_is_measured_in_both_engines(page: str) -> None:
    found = rows(page)
    for name in cases():
        for row in (f"sidecar, {name}", embedded.single(name), embedded.batched(name)):
            assert re.fullmatch(r"[0-9.]+ (µs|s)", found[row][1]), found[row]
            assert float(found[row][3]) > 0


def test_each_aim_is_in_the_page_with_whether_it_was_reached(page: str) -> None:
    found = rows(page)
    aims = {f"sidecar, {name}": aim for name, aim in sidecar.AIMS.items()}
    aims |= {embedded.single(name): aim for name, aim in embedded.SINGLE_AIMS.items()}
    aims |= {embedded.batched(name): aim for name, aim in embedded.BATCH_AIMS.items()}
    for name, aim in aims.items():
        ratio, text, verdict = found[name][3:6]
        assert text == f"≤ {aim}"
        assert verdict == ("reached" if float(ratio) <= aim else "missed")


def test_the_batch_is_compared_with_plain_python(page: str) -> None:
    for name in embedded.ORACLE_AIMS:
        assert re.search(rf"^\| {embedded.batched(name)} \| .* \| oracle, plain Python, ", page, re.MULTILINE)


def test_it_says_what_takes_the_time_in_the_sidecar(page: str) -> None:
    section = page.partition("## What takes the time")[2].partition("\n## ")[0]
    for name in cases():
        (row,) = (line for line in section.splitlines() if line.startswith(f"| {name} |"))
        assert row.count("%") == len(sidecar.SHARES)


def test_each_missed_aim_has_a_profile(page: str) -> None:
    profiled = page.partition("## What bounds")[2]
    missed = [name for name, cells in rows(page).items() if cells[-1] == "missed"]
    for name in missed:
        assert f"\n### {name}\n" in profiled
    assert profiled.count("\n### ") >= len(missed)


def test_each_type_has_its_hot_spots_in_the_sidecar(page: str) -> None:
    profiled = page.partition("## What bounds")[2]
    for name in cases():
        section = profiled.partition(f"\n### sidecar, {name}\n")[2].partition("\n### ")[0]
        assert section.count(" | `") >= 3


@pytest.mark.parametrize("kind", [bulk.ALL_DIFFERENT, bulk.OT_CLAIMS])
def test_a_profile_of_bulk_says_what_each_step_takes(kind: str) -> None:
    lines = bulk.samples(0.01)[kind]
    profile = profiles.of_bulk(lines, *bulk.sizes(f"bulk, 1,000,000 {kind}; 8,554 distinct questions"))
    assert "multiplied to a run of 1,000,000 with 8,554." in profile
    rows = re.findall(r"^\| ([a-z ]+) \| [\d.]+ (?:ns|µs|s) a (line|question) \| (\d+)% \|$", profile, re.MULTILINE)
    assert [(step, unit) for step, unit, _ in rows] == [
        ("reading lines", "line"),
        ("finding lines that ask the same", "line"),
        ("counting for the summary", "line"),
        ("writing", "line"),
        ("parsing and deciding", "question"),
    ]
    assert 97 <= sum(int(share) for *_, share in rows) <= 103
    assert "share of the time" in profile


def test_the_size_of_a_run_of_bulk_is_in_its_name() -> None:
    assert bulk.sizes("bulk, 60,000 requests that all differ; 59,999 distinct questions") == (60_000, 59_999)
    assert bulk.sizes("bulk, 10,000,000 OT claims, memory of all processes") == (10_000_000, None)


def test_it_says_why_this_engine_and_these_settings(page: str) -> None:
    section = page.partition("### Why `GOGC=400`, and not an OPA with WebAssembly")[2].partition("\n## ")[0]
    for reason in ("garbage", "wazero", "--authorization=basic", "35 ms", "proven"):
        assert reason in section


def test_bulk_is_measured_if_there_is_such_a_command(page: str) -> None:
    assert page.count("\n| bulk, ") == (3 if bulk.available() else 0)
    assert page.count("\n| start-up, bulk: a run of one request | ") == (1 if bulk.available() else 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_answers_the_one_rule(page: str, engine: str) -> None:
    assert f"\n| {engine} | " in page


def test_it_names_the_policy(page: str) -> None:
    assert packaged_bundle().digest in page


def test_an_engine_that_is_not_installed_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("duckdb", "zen"):
        monkeypatch.setitem(sys.modules, module, None)
    table = rivals.measure(1)
    assert "zen-engine" not in table
    assert "Cedar" in table
    assert "zen is not installed" in capsys.readouterr().err


def test_an_engine_that_answers_wrongly_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cedarpy", "duckdb", "zen"):
        monkeypatch.setitem(sys.modules, module, None)
    right = rivals.rule()
    monkeypatch.setattr(rivals, "rule", lambda: right._replace(units=right.units + 1))
    with pytest.raises(SystemExit, match="plain Python does not answer as the policy does"):
        rivals.measure(1)


def test_a_ratio_says_whether_it_reaches_its_aim() -> None:
    assert compared("x", 3e-6, "y", 2e-6, 1.5).reached is True
    assert compared("x", 3e-6, "y", 2e-6, 1.4).reached is False
    assert compared("x", 3e-6, "y", 1e-6, 3.0)[3:] == (3.0, "≤ 3.0", True)
    assert compared("x", 3.004e-6, "y", 1e-6, 3.0)[3:] == (3.01, "≤ 3.0", False)  # and not 3.00, which is not missed
    assert compared("x", 3e-6, "y", 2e-6).reached is None


def test_times_have_a_unit_that_fits() -> None:
    assert [in_words(seconds) for seconds in (25e-9, 1.25e-6, 330e-6, 5.2e-3, 1.5)] == [
        "25.0 ns",
        "1.2 µs",
        "330 µs",
        "5200 µs",
        "1.50 s",
    ]
