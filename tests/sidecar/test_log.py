"""The log of a real sidecar that nobody reads, on a disk that is full, and under a mask that is undefined."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.running import free_port
from tests.sidecar.processes import wait_for
from tests.sidecar.test_serve import logged_decisions, post
from therapy_policy import SidecarClient
from therapy_policy.policy.bundles import load_uncompiled
from therapy_policy.sidecar import log as log_module
from therapy_policy.sidecar.log import MAX_WAITING_BYTES, Log, is_masked

ROOT = Path(__file__).parents[2]
ROUTE = {"request_type": "referral_route", "island": "oahu"}
# A batch whose log entry is long: each line is denied, with a reason of its own.
LINE = {"procedure_code": "99999", "units": 1}
CLAIM = {
    "request_type": "pediatric_ot_claim",
    "service_date": "2026-03-02",
    "units_already_authorized": 0,
    "service_lines": [LINE] * 50,
}
BATCH = json.dumps({"input": {"requests": [CLAIM] * 20}}).encode()
SECRET = "Xylophone"
PLAN = {
    "request_type": "pt_treatment_plan",
    "service_date": "2026-03-02",
    "specialty": "none",
    "plan_of_care": {"diagnosis": f"{SECRET} 1"},
}


def status(port: int, path: str) -> int:
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code


def metric(port: int, name: str) -> float:
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


# What the command does for a bundle that it has checked.
SERVE_UNCHECKED = """
import sys
from pathlib import Path
from therapy_policy.sidecar.serve import serve
from therapy_policy.sidecar.stop_signals import stop_signals
with stop_signals() as stop:
    sys.exit(serve(int(sys.argv[1]), stop, diagnostics_port=int(sys.argv[2]), archive=Path(sys.argv[3])))
"""


@contextmanager
def serving_into(output: int, archive: Path | None = None) -> Iterator[tuple[str, int, subprocess.Popen[bytes]]]:
    """A sidecar whose log goes to a file descriptor; yields its URL, its port for probes, and its process.

    `archive` is a bundle that is not checked.
    """
    port, probes = free_port(), free_port()
    if archive:
        serve = [sys.executable, "-c", SERVE_UNCHECKED, str(port), str(probes), str(archive)]
    else:
        command = [sys.executable, "-m", "therapy_policy.cli", "serve"]
        serve = [*command, f"--port={port}", f"--diagnostics-port={probes}"]
    with (
        subprocess.Popen(serve, stderr=output, stdout=subprocess.DEVNULL) as process,
        SidecarClient(f"http://127.0.0.1:{port}") as client,
    ):
        try:
            wait_for(client.ready)
            yield f"http://127.0.0.1:{port}", probes, process
        finally:
            process.terminate()
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    reader, writer = os.pipe()
    with serving_into(writer) as (url, probes, _):
        os.close(writer)
        assert status(probes, "/health/ready") == 200
        sent = 0
        while metric(probes, 'therapy_policy_decision_log_lost_total{reason="behind"}') == 0:
            assert sent < 2 * MAX_WAITING_BYTES
            answer = post(url, BATCH, "therapy/decisions")
            assert [decision["outcome"] for decision in answer.json()["result"]] == ["denied"] * 20
            sent += len(answer.content)
        assert status(probes, "/health/ready") == 503
        assert status(probes, "/health/live") == 200
        assert post(url, json.dumps({"input": ROUTE}).encode()).json()["result"]["outcome"] == "routed"

        # Its reader comes back.
        threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 65536), b"")], daemon=True).start()
        wait_for(lambda: status(probes, "/health/ready") == 200)
        lost = metric(probes, "therapy_policy_decision_log_lost_total")
        post(url, json.dumps({"input": ROUTE}).encode())
        assert metric(probes, "therapy_policy_decision_log_lost_total") == lost


def test_a_full_disk_shows_in_readiness() -> None:
    with open("/dev/full", "wb") as full, serving_into(full.fileno()) as (url, probes, _):
        assert post(url, json.dumps({"input": ROUTE}).encode()).json()["result"]["outcome"] == "routed"
        wait_for(lambda: status(probes, "/health/ready") == 503)
        assert status(probes, "/health/live") == 200
        assert metric(probes, "therapy_policy_decision_log_waiting_bytes") > 0
        assert metric(probes, "therapy_policy_decision_log_written_total") == 0
        assert metric(probes, "therapy_policy_ready") == 0


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    return tmp_path / "policies"


def test_an_entry_without_the_mask_is_not_written(policies: Path, tmp_path: Path) -> None:
    mask = policies / "system/log.rego"
    text = mask.read_text(encoding="utf-8")
    # For a treatment plan, the mask is undefined.
    for name in ("input", "result"):
        condition = f"if not _{name}_may_be_kept"
        assert text.count(condition) == 1
        other = 'object.get(input, ["input", "request_type"], "") != "pt_treatment_plan"'
        text = text.replace(condition, f"if {{\n\tnot _{name}_may_be_kept\n\t{other}\n}}")
    mask.write_text(text, encoding="utf-8")
    archive, log = tmp_path / "bundle.tar.gz", tmp_path / "log"
    archive.write_bytes(load_uncompiled(str(policies)).archive)
    with log.open("wb") as stream, serving_into(stream.fileno(), archive) as (url, probes, _):
        assert post(url, json.dumps({"input": PLAN}).encode()).json()["result"]["outcome"] == "pended"
        other = post(url, json.dumps({"input": ROUTE}).encode()).json()
        logged_decisions(log, other["decision_id"])
        assert SECRET not in log.read_text()
        assert metric(probes, 'therapy_policy_decision_log_lost_total{reason="not_masked"}') == 1
        assert status(probes, "/health/ready") == 503


def test_a_bundle_without_the_mask_is_refused(policies: Path) -> None:
    (policies / "system/log.rego").unlink()
    (policies / "system/log_test.rego").unlink()
    serve = [sys.executable, "-m", "therapy_policy.cli", "serve", "--port", str(free_port()), "--bundle", str(policies)]
    done = subprocess.run(serve, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "error: The bundle has other policies for the sidecar itself than this program (system/log.rego)" in (
        done.stderr
    )
    assert "Build it with the directory policies/system of therapy-policy" in done.stderr


@pytest.mark.parametrize(
    ("entry", "masked"),
    [
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input", "/result"]}, True),
        ({"decision_id": "1", "result": 2, "masked": ["/result"]}, True),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/result"]}, False),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input/request_type", "/result/outcome"]}, True),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input/request_id", "/result/outcome"]}, False),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input", "/result/outcome"]}, True),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input", "/result/decision/outcome"]}, True),
        ({"decision_id": "1", "input": 1, "result": 2, "masked": ["/input", "/result/decision"]}, False),
        ({"decision_id": "1", "input": 1, "result": 2}, False),
        ({"msg": "OPA ended"}, True),
    ],
)
def test_what_is_masked(entry: object, masked: bool) -> None:
    assert is_masked(entry) is masked


def test_an_entry_that_is_cut_off_is_counted_and_the_sidecar_stays_ready(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as output:
        log = Log(output.fileno())
        log.read(io.BytesIO(b'{"decision_id": "x", "input": {"a":'))
        assert log.flush(30)
    assert log.lost["cut_off"] == 1
    assert log.problem is None
    assert (tmp_path / "log").read_bytes() == b""


def test_at_the_end_what_a_program_wrote_is_read_first(tmp_path: Path) -> None:
    entry = {"decision_id": "x", "masked": ["/input", "/result"], "input": "x" * 300_000, "result": None}
    lines = (json.dumps(entry).encode() + b"\n") * 3
    ours, theirs = os.pipe()  # has room for less than one of them

    def write() -> None:
        with os.fdopen(theirs, "wb") as stream:
            stream.write(lines)

    with (tmp_path / "log").open("wb") as output:
        log = Log(output.fileno())
        log.read(os.fdopen(ours, "rb"))
        threading.Thread(target=write).start()
        assert log.flush(30)
    assert (tmp_path / "log").read_bytes() == lines
    assert log.written == 3


def entry_of(size: int) -> bytes:
    entry = {"decision_id": "x", "masked": ["/input", "/result"], "input": "x" * size, "result": None}
    return json.dumps(entry).encode() + b"\n"


def test_a_long_entry_is_not_lost_because_a_short_one_waits(tmp_path: Path) -> None:
    lines = [entry_of(200_000), entry_of(MAX_WAITING_BYTES + 1), entry_of(1)]
    reader, writer = os.pipe()  # has room for less than the first one
    log = Log(writer)
    log.read(io.BytesIO(b"".join(lines)))
    wait_for(lambda: log.lost["behind"])  # the third: now that much waits before it
    assert log.lost.total() == 1
    assert log.problem == "entries of the decision log were lost"
    expected = b"".join(lines[:2])
    received = b""
    while len(received) < len(expected):
        received += os.read(reader, 1 << 20)
    assert received == expected
    assert log.flush(30)
    assert log.problem is None
    os.close(reader)
    os.close(writer)


def test_an_entry_that_is_too_long_shows_in_readiness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_ENTRY_BYTES", 1000)
    with (tmp_path / "log").open("wb") as output:
        log = Log(output.fileno())
        for notice_seconds, problem in ((60.0, "entries of the decision log were lost"), (0.0, None)):
            monkeypatch.setattr(log_module, "NOTICE_SECONDS", notice_seconds)
            log.read(io.BytesIO(entry_of(1000) + entry_of(1)))
            assert log.flush(30)
            assert log.problem == problem
    assert log.lost["too_long"] == 2
    assert (tmp_path / "log").read_bytes() == entry_of(1) * 2
