"""Decisions in-process: the policy as WebAssembly, without any server."""

from __future__ import annotations

import os

import opapywasm
import opapywasm.runtime

from therapy_policy.client.decision import Client
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.errors import EngineError, EngineNotAvailable, TherapyPolicyError
from therapy_policy.files import packaged_file

# The SDK offers a policy 2 pages of 64 KiB to start with, and refuses one that asks for more ("incompatible import
# type"). How much this one asks for grows with its texts; pages that it does not ask for cost nothing.
opapywasm.runtime._DEFAULT_MEMORY_PAGES = 16

MAX_RESULT_BYTES = 64 << 20  # a request of the largest size that is wrong in every place is answered with some 25 MB
EVALUATION_SECONDS = 10.0  # a full batch takes about 0.1


class EmbeddedClient(Client):
    """Decides in this process, without a server.

    To make one takes about 0.3 s, for the policy is compiled; make one, and share it between threads. As many of them
    decide at the same time as there are processors, and further ones wait their turn.

    `wasm` and `data` are those of another compiled bundle than the one that this package ships.

    Raises `EngineNotAvailable` if the compiled policy is missing or cannot be loaded.
    """

    def __init__(self, wasm: bytes | None = None, data: bytes | None = None) -> None:
        config = opapywasm.PolicyConfig(
            pool_size=os.cpu_count() or 1,
            borrow_timeout_seconds=None,
            max_input_bytes=2 * MAX_REQUEST_BYTES,  # a batch has a few more bytes than its requests
            max_result_bytes=MAX_RESULT_BYTES,
            max_cstring_scan_bytes=MAX_RESULT_BYTES + 1,
            parse_raw_json_input=False,  # already checked, and more strictly
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
            failure = EngineNotAvailable("This client is closed. Make another one.")
        except opapywasm.OpaWasmError as error:
            failure = EngineError(
                f"The embedded policy failed ({type(error).__name__}), or took over {EVALUATION_SECONDS:g} s. "
                "Nothing is decided; have the request reviewed by a person."
            )
        else:
            if answer is opapywasm.UNDEFINED:
                raise EngineError("The embedded policy has no answer. Install therapy-policy anew.")
            return answer
        raise failure  # not in the handler: the SDK's own error, which may quote the request, would be carried along

    def close(self) -> None:
        self._policy.close()
