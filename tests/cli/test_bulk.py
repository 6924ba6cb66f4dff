"""`therapy-policy bulk`, as a person or a script runs it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.command import EXAMPLES, ROOT, SECONDS, run, start
from therapy_policy.bulk.arrow_schema import decision_schema, request_schema
from tools.sample_claims import claims

CLAIM: dict[str, Any] = json.loads((EXAMPLES / "pediatric_ot_claim.json").read_text(encoding="utf-8"))
VISIT: dict[str, Any] = json.loads((EXAMPLES / "pt_visit.json").read_text(encoding="utf-8"))
MIXED = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("[pr]*.json"))]


def write_lines(path: Path, requests: list[Any]) -> Path:
    path.write_text("".join(json.dumps(request) + "\n" for request in requests), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def claims_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Claims for several chunks, so that both processes have some."""
    once = "".join(json.dumps(claim) + "\n" for claim in claims(12_000))
    path = tmp_path_factory.mktemp("claims") / "claims.jsonl"
    path.write_text(once * 4, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def decided(claims_file: Path) -> Path:
    output = claims_file.with_name("decided.jsonl")
    result = run("bulk", claims_file, "--output", output, "--decisions", "--workers", "2")
    assert result.returncode == 1, result.stderr.decode()
    return output


def test_every_request_gets_the_decision_of_batch(claims_file: Path, decided: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(claims_file.read_text(encoding="utf-8").splitlines(keepends=True)[:2000]), encoding="utf-8")
    run("batch", few, "--output", tmp_path / "batch.jsonl")

    rows = read_lines(decided)

    assert len(rows) == 48_000
    for row, decision in zip(rows, read_lines(tmp_path / "batch.jsonl"), strict=False):
        assert row["decision"] == decision
        assert row["request_id"] == decision["request_id"]
        assert row["outcome"] == decision["outcome"]
        assert row["units"] == decision["authorized"]["units"]
        assert row["reasons"] == [*dict.fromkeys(reason["code"] for reason in decision["reasons"])]


def test_parquet_in_and_out_has_the_same_rows_as_json_lines(tmp_path: Path) -> None:
    requests = [{**each, "request_id": f"{each['request_type']}-{n}"} for n in range(40) for each in MIXED]
    requests += [{"request_type": "pt_visit", "island": "oahu"}, {"request_type": "unknown"}, {"request_id": "1"}]
    lines = write_lines(tmp_path / "in.jsonl", requests)
    table = pa.Table.from_pylist(requests, schema=request_schema())
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=100)

    for source, target in ((lines, "out.jsonl"), (tmp_path / "in.parquet", "out.parquet")):
        result = run("bulk", source, "--output", tmp_path / target, "--decisions")
        assert result.returncode == 1, result.stderr.decode()

    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.equals(decision_schema(decision_texts=True))
    rows = [{**row, "decision": json.loads(row["decision"])} for row in table.to_pylist()]
    assert rows == read_lines(tmp_path / "out.jsonl")
    assert {row["outcome"] for row in rows} >= {"authorized", "routed", "invalid_request"}


def test_a_run_that_was_killed_and_resumed_writes_the_same_bytes(
    claims_file: Path, decided: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    command = ("bulk", claims_file, "--output", output, "--decisions", "--workers", "1")
    with start(*command) as running:
        _wait_for(output.with_name("out.jsonl.parts"), "00000001.json")
        running.kill()
    assert not output.exists()

    refused = run(*command)
    resumed = run(*command, "--resume")

    assert refused.returncode == 2
    assert b"--resume" in refused.stderr
    assert resumed.returncode == 1, resumed.stderr.decode()
    assert output.read_bytes() == decided.read_bytes()
    assert [*tmp_path.iterdir()] == [output]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_says_how_to_resume(
    number: signal.Signals, claims_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    with start("bulk", claims_file, "--output", output, "--workers", "1") as running:
        _wait_for(output.with_name("out.parquet.parts"), "00000000.json")
        running.send_signal(number)
        try:
            _, errors = running.communicate(timeout=SECONDS)
        finally:
            running.kill()

    assert running.returncode == 128 + number
    assert b"To resume, run: therapy-policy bulk " in errors
    assert b"--resume" in errors
    assert b"Traceback" not in errors
    assert not output.exists()


def _wait_for(folder: Path, name: str) -> None:
    for _ in range(3000):
        if (folder / name).exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{folder} has no {name}")


def test_an_unfinished_run_is_not_resumed_for_another_input(claims_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(claims_file.read_bytes())
    output = tmp_path / "out.jsonl"
    with start("bulk", source, "--output", output, "--workers", "1") as running:
        _wait_for(output.with_name("out.jsonl.parts"), "00000000.json")
        running.kill()
    os.truncate(source, 1000)

    result = run("bulk", source, "--output", output, "--resume")

    assert result.returncode == 2
    assert b"is a different file, or has changed" in result.stderr


def test_the_summary_says_what_flips_against_another_policy(tmp_path: Path) -> None:
    other = tmp_path / "policies"
    _copy_policies_with_fewer_units(other)
    day = {**CLAIM, "medical_necessity": "established", "service_lines": [{"procedure_code": "97530", "units": 3}]}
    requests = [
        {**day, "request_id": "flips-1"},
        {**day, "request_id": "stays", "service_lines": [{"procedure_code": "97530", "units": 2}]},
        {**day, "request_id": "flips-2", "service_date": "2026-04-01"},
        {name: value for name, value in day.items() if name != "request_id"},
    ]
    source = write_lines(tmp_path / "in.jsonl", requests)

    result = run(
        *("bulk", source, "--output", tmp_path / "out.parquet", "--against", other),
        *("--summary", tmp_path / "summary.json", "--look-at", "3"),
    )

    assert result.returncode == 0, result.stderr.decode()
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    (flip,) = summary["flips"]
    assert (flip["outcome_against"], flip["outcome"], flip["requests"]) == ("partially_authorized", "authorized", 3)
    assert (flip["units_more"], flip["units_less"]) == (3, 0)
    assert flip["look_at"] == ["flips-1", "flips-2", "row 4"]
    assert summary["months"] == {"2026-03": {"authorized": 3}, "2026-04": {"authorized": 1}}
    assert b"3 requests of 4 flip" in result.stderr
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["flips"] for row in rows] == [True, False, True, True]
    assert [row["units_against"] for row in rows] == [2, 2, 2, 2]


def _copy_policies_with_fewer_units(target: Path) -> None:
    import shutil

    shutil.copytree(ROOT / "policies", target)
    parameters = target / "therapy/parameters/data.yaml"
    text = parameters.read_text(encoding="utf-8")
    assert text.count("value: 4\n") == 1
    parameters.write_text(text.replace("value: 4\n", "value: 2\n"), encoding="utf-8")


@pytest.mark.parametrize("form", ["gzip", "array", "standard input", "utf-16"])
def test_other_forms_of_input_are_decided_too(form: str, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    lines = "".join(json.dumps(request) + "\n" for request in [CLAIM, VISIT]) + "not JSON\n"
    if form == "gzip":
        source.write_bytes(gzip.compress(lines.encode()))
    elif form == "array":
        source.write_text(json.dumps([CLAIM, VISIT, 3], indent=1), encoding="utf-8")
    else:
        source.write_bytes(lines.encode("utf-16" if form == "utf-16" else "utf-8"))
    stdin = source.read_bytes() if form == "standard input" else b""

    result = run("bulk", "-" if stdin else source, "--output", "-", stdin=stdin)

    assert result.returncode == 1, result.stderr.decode()
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["request_id"] for row in rows] == [CLAIM["request_id"], VISIT["request_id"], None]
    assert [row["outcome"] for row in rows][2] == "invalid_request"


def test_a_gzip_output_has_the_same_rows(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [CLAIM, VISIT])
    run("bulk", source, "--output", tmp_path / "out.jsonl.gz")

    rows = [json.loads(line) for line in gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).splitlines()]

    assert [row["request_id"] for row in rows] == [CLAIM["request_id"], VISIT["request_id"]]


def test_an_empty_input_has_an_empty_output(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [])

    result = run("bulk", source, "--output", tmp_path / "out.parquet")

    assert result.returncode == 0, result.stderr.decode()
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.jsonl", "--output", "out.csv"], b"ends in .parquet, .jsonl or .jsonl.gz"),
        (["in.jsonl", "--output", "in.jsonl"], b"is the input itself"),
        (["missing.jsonl", "--output", "out.jsonl"], b"cannot be read"),
        (["missing.parquet", "--output", "out.jsonl"], b"cannot be read"),
        (["bad.parquet", "--output", "out.jsonl"], b"is not a Parquet file"),
        (["in.jsonl", "--output", "-", "--resume"], b"cannot be resumed"),
        (["-", "--output", "out.jsonl", "--resume"], b"Only a file can be resumed"),
        (["in.jsonl", "--output", "out.jsonl", "--summary", "none/s.json"], b"none/s.json cannot be written"),
        (["in.jsonl", "--output", "out.jsonl", "--summary", "./in.jsonl"], b"is the input or the output"),
    ],
    ids=[
        "ending",
        "same file",
        "no file",
        "no parquet file",
        "bad parquet file",
        "stdout",
        "stdin",
        "no directory",
        "summary",
    ],
)
def test_what_cannot_work_is_refused(arguments: list[str], message: bytes, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [CLAIM])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")

    result = run("bulk", *arguments, cwd=tmp_path)

    assert result.returncode == 2
    assert message in result.stderr
    assert b"Traceback" not in result.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_columns_that_no_request_has_are_named_before_anything_is_decided(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([CLAIM], schema=request_schema()).drop_columns("request_type")
    table = table.append_column("member_name", pa.array(["Kealoha"])).append_column("none", pa.array([None], pa.int8()))
    day = table["service_date"].cast(pa.timestamp("us"))
    table = table.set_column(table.schema.get_field_index("service_date"), "service_date", day)
    pq.write_table(table, tmp_path / "in.parquet")

    result = run("bulk", "in.parquet", "--output", "out.parquet", cwd=tmp_path)

    assert result.returncode == 2
    first, *named = result.stderr.decode().splitlines()
    assert first.startswith("error: in.parquet has columns that no request has, or is without one that each has.")
    assert "Drop, rename or cast" in first
    assert "therapy-policy bulk --schema" in first
    assert named == [
        "  request_type: missing",
        "  service_date: timestamp[us], instead of string (YYYY-MM-DD) or date32",
        "  member_name: no request has it",
    ]
    assert [*tmp_path.iterdir()] == [tmp_path / "in.parquet"]


def test_schema_prints_the_columns() -> None:
    result = run("bulk", "--schema")

    assert result.returncode == 0
    assert b"service_lines: list<" in result.stdout
    assert b"outcome_against: string" in result.stdout
