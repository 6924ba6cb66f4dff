"""An input that changes, or turns out to be damaged, while `bulk` reads it."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from therapy_policy.bulk import run as module
from therapy_policy.bulk.record_batches import Policy
from therapy_policy.bulk.run import Options, output_format, run
from therapy_policy.errors import FileNotUsable, InputDamaged


def decide(source: Path, output: Path) -> None:
    options = Options(str(source), output_format(str(output)), Policy(), None, False, 10)
    run(options, str(output), lambda _: None, workers=1, resume=False, force=False, command=["bulk"])


def test_an_input_that_changes_is_not_decided_in_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"request_type": "referral_route", "island": "oahu"}\n')
    decide_all = module._decide_all

    def meanwhile_written(*arguments: Any) -> int:
        numbers = decide_all(*arguments)
        os.utime(source, ns=(1, 1))
        return numbers

    monkeypatch.setattr(module, "_decide_all", meanwhile_written)
    with pytest.raises(FileNotUsable, match="changed while it was read"):
        decide(source, output)
    assert not output.exists()


def test_no_signal_can_interrupt_the_executor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A handler's exception in one of its methods could leave a lock taken, and the executor would never end."""
    called_by: dict[str, set[int]] = {"submit": set(), "shutdown": set()}

    class Executor(ProcessPoolExecutor):
        def submit(self, *arguments: Any, **named: Any) -> Any:
            called_by["submit"].add(threading.get_ident())
            return super().submit(*arguments, **named)

        def shutdown(self, *arguments: Any, **named: Any) -> None:
            called_by["shutdown"].add(threading.get_ident())
            super().shutdown(*arguments, **named)

    monkeypatch.setattr(module, "ProcessPoolExecutor", Executor)
    source = tmp_path / "in.jsonl"
    source.write_text('{"request_type": "referral_route", "island": "oahu"}\n')
    decide(source, tmp_path / "out.jsonl")
    assert all(called_by.values())
    assert threading.main_thread().ident not in called_by["submit"] | called_by["shutdown"]


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    table = pa.table({"request_type": [f"type {number}" for number in range(10_000)]})
    pq.write_table(table, source, use_dictionary=False, compression="zstd")
    content = bytearray(source.read_bytes())
    content[4:40] = bytes(36)
    source.write_bytes(content)
    with pytest.raises(InputDamaged, match=r"in\.parquet is damaged: row group 0"):
        decide(source, tmp_path / "out.parquet")
