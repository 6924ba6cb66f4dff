"""Decisions in this process, without a server: the policy as WebAssembly."""

from __future__ import annotations

import json
import os

import opapywasm
import opapywasm.runtime

from therapy_policy.client.decision import Client
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.errors import EngineError, EngineNotAvailable, PolicyNotUsable, TherapyPolicyError
from therapy_policy.files import packaged_file

# By default the SDK offers a policy 2 pages of 64 KiB and rejects a policy that needs more ("incompatible import
# type"). This policy's need grows with its texts; unused pages cost nothing.
opapywasm.runtime._DEFAULT_MEMORY_PAGES = 16

MAX_RESULT_BYTES = 64 << 20  # the largest request, with an error in every field, gets an answer of about 25 MB
EVALUATION_SECONDS = 10.0  # a full batch takes about 0.1


class EmbeddedClient(Client):
    """Decides in this process, without a server.

    Creating a client takes about 0.3 s, because the policy is compiled: create one and share it between threads. As
    many threads as there are processors decide at the same time; the others wait their turn.

    `wasm` and `data` (JSON) replace the compiled policy and its data that this package ships. `checked` is False only
    for data that is already checked, and for tests of what unusable data decide.

    Raises `PolicyNotUsable` if `data` does not match the published schemas or exceeds the ceiling, and
    `EngineNotAvailable` if the compiled policy is missing or cannot be loaded.
    """

    def __init__(self, wasm: bytes | None = None, data: bytes | None = None, *, checked: bool = True) -> None:
        if checked and data is not None:
            _check(data)
        config = opapywasm.PolicyConfig(
            pool_size=os.cpu_count() or 1,
            borrow_timeout_seconds=None,
            max_input_bytes=2 * MAX_REQUEST_BYTES,  # a batch is a few bytes longer than its requests
            max_result_bytes=MAX_RESULT_BYTES,
            max_cstring_scan_bytes=MAX_RESULT_BYTES + 1,
            parse_raw_json_input=False,  # checked already, and more strictly
            eval_timeout_seconds=EVALUATION_SECONDS,
        )
        try:
            self._policy = opapywasm.OpaWasmPolicy.from_wasm_bytes(
                wasm or packaged_file("policy.wasm").read_bytes(), config
            )
            self._policy.set_data(data or packaged_file("data.json").read_bytes())
        except (OSError, opapywasm.OpaWasmError) as error:
            raise EngineNotAvailable(
                f"The compiled policy cannot be loaded ({error}). Reinstall therapy-policy."
            ) from error

    def _ask(self, entry_point: str, text: str) -> object:
        failure: TherapyPolicyError
        try:
            answer = self._policy.evaluate(text, entry_point)
        except opapywasm.OpaPolicyClosedError:
            failure = EngineNotAvailable("This client is closed. Create another one.")
        except opapywasm.OpaWasmError as error:
            failure = EngineError(
                f"The embedded policy failed ({type(error).__name__}) or took more than {EVALUATION_SECONDS:g} s. "
                "Nothing was decided. Have a person review the request."
            )
        else:
            if answer is opapywasm.UNDEFINED:
                raise EngineError("The embedded policy returned no result. Reinstall therapy-policy.")
            return answer
        raise failure  # outside the handler: otherwise it would carry the SDK's error, which may quote the request

    def close(self) -> None:
        self._policy.close()


def _check(data: bytes) -> None:
    from therapy_policy.data_check import findings_in_data

    try:
        findings = findings_in_data(json.loads(data))
    except ValueError as problem:
        raise PolicyNotUsable("The data of the policy", [f"data.json:1: This is not JSON: {problem}."]) from None
    if findings:
        raise PolicyNotUsable("The data of the policy", findings)
