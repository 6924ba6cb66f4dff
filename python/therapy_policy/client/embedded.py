"""Decisions in this process, without a server: the policy as WebAssembly.

The SDK does the work. Three things are added, so that no call waits without bound, whatever happened before:

- The policy is compiled without a thread pool: WebAssembly's is one for the whole process, and a fork does not copy it.
- After a fork, a client keeps the compiled policy and nothing else of its parent's: no lock, no thread, no
  instance.
- The main thread, where signal handlers run, leaves the work to another thread. An exception that a handler raises ends
  the wait, and nothing inside the SDK.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar, cast

import opapywasm
import opapywasm.policy
import opapywasm.runtime
import wasmtime

from therapy_policy.client.decision import Client, Published, published_in
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.errors import EngineError, EngineNotAvailable, PolicyNotUsable
from therapy_policy.files import packaged_file
from therapy_policy.nesting import loads

# By default the SDK offers a policy 2 pages of 64 KiB and rejects a policy that needs more ("incompatible import
# type"). This policy's need grows with its texts; unused pages cost nothing.
opapywasm.runtime._DEFAULT_MEMORY_PAGES = 16

MAX_RESULT_BYTES = 64 << 20  # far above the largest answer
EVALUATION_SECONDS = 10.0  # a full batch takes about 0.1
WAIT_SECONDS = 30.0  # for an instance of the policy, while other threads use all of them


class EmbeddedClient(Client):
    """Decides in this process, without a server.

    Creating a client takes about 0.5 s, because the policy is compiled: create one and share it between threads. As
    many threads as there are processors decide at the same time; the others wait their turn, for at most
    `WAIT_SECONDS`. A client also works in processes that are forked after it was created.

    `wasm` and `data` (JSON) replace the compiled policy and its data that this package ships. `checked` is False only
    for data that is already checked, and for tests of what unusable data decide. With `policy_version`, such as
    "2.0.0", a decision of any other version raises `EngineError`.

    Raises `PolicyNotUsable` if `data` does not match the published schemas or exceeds the ceiling, and
    `EngineNotAvailable` if the compiled policy is missing or cannot be loaded.
    """

    def __init__(
        self,
        wasm: bytes | None = None,
        data: bytes | None = None,
        *,
        policy_version: str | None = None,
        checked: bool = True,
    ) -> None:
        if checked and data is not None:
            _check(data)
        self._policy_version = policy_version
        self._published = _published(data)
        self._closed = False
        try:
            code = packaged_file("policy.wasm").read_bytes() if wasm is None else wasm
            self._data = packaged_file("data.json").read_bytes() if data is None else data
            self._compiled = _on_worker(lambda: _compile(code))
            self._processes = {_forks.generation: _Process()}
            _on_worker(self._policy_here)
        except (OSError, wasmtime.WasmtimeError, opapywasm.OpaWasmError) as error:
            raise EngineNotAvailable(
                f"The compiled policy cannot be loaded ({error}). Reinstall therapy-policy."
            ) from error

    def _ask(self, entry_point: str, text: str) -> object:
        return _on_worker(lambda: self._evaluate(entry_point, text))

    def _evaluate(self, entry_point: str, text: str) -> object:
        failure: EngineError | EngineNotAvailable
        try:
            answer = self._policy_here().evaluate(text, entry_point)
        except opapywasm.OpaPolicyClosedError:
            failure = _closed()
        except opapywasm.OpaPoolTimeoutError:
            failure = _busy()
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

    def _policy_here(self) -> opapywasm.OpaWasmPolicy:
        """Return the policy with the instances of this process, which may be a fork of the one that compiled it."""
        # `setdefault`, because several threads of the process may be the first ones.
        generation = _forks.generation
        process = self._processes.get(generation) or self._processes.setdefault(generation, _Process())
        if process.policy is None:
            if not process.starting.acquire(timeout=WAIT_SECONDS):
                raise _busy()
            try:
                if self._closed:
                    raise _closed()
                if process.policy is None:
                    process.policy = _start(self._compiled, self._data)
            finally:
                process.starting.release()
        return process.policy

    def close(self) -> None:
        self._closed = True
        process = self._processes.get(_forks.generation)
        if process and process.policy:
            _on_worker(process.policy.close)


def _closed() -> EngineNotAvailable:
    return EngineNotAvailable("This client is closed. Create another one.")


def _busy() -> EngineNotAvailable:
    return EngineNotAvailable(
        f"The embedded policy was in use by other threads for {WAIT_SECONDS:g} s. Send fewer requests at a time."
    )


def _published(data: bytes | None) -> Published | None:
    """Return what other data than those of this package publish. Early policies have no ceiling in their data."""
    try:
        return None if data is None else published_in(loads(data))
    except (KeyError, TypeError, ValueError):
        return None


def _check(data: bytes) -> None:
    from therapy_policy.data_check import findings_in_data

    try:
        findings = findings_in_data(loads(data))
    except ValueError as problem:
        raise PolicyNotUsable("The data of the policy", [f"data.json:1: This is not JSON: {problem}."]) from None
    if findings:
        raise PolicyNotUsable("The data of the policy", findings)


# --- the compiled policy, and its instances in a process


class _Compiled(NamedTuple):
    engine: wasmtime.Engine
    module: wasmtime.Module


class _Forks:
    """What a fork does to this module.

    The SDK creates and deletes instances under one lock. A fork waits for it, so that it never copies half an instance.
    """

    def __init__(self) -> None:
        self.generation = 0  # number of forks between the first process and this one
        self._holder: int | None = None  # the thread that holds the lock for its fork

    def before(self) -> None:
        if opapywasm.runtime._NATIVE_LIFECYCLE_LOCK.acquire(timeout=WAIT_SECONDS):
            self._holder = threading.get_ident()

    def after_in_parent(self) -> None:
        if self._holder == threading.get_ident():
            self._holder = None
            opapywasm.runtime._NATIVE_LIFECYCLE_LOCK.release()

    def after_in_child(self) -> None:
        self.generation += 1
        self._holder = None
        opapywasm.runtime._NATIVE_LIFECYCLE_LOCK = threading.Lock()


_forks = _Forks()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(
        before=_forks.before, after_in_parent=_forks.after_in_parent, after_in_child=_forks.after_in_child
    )


class _Process:
    """The instances of the policy in one process. Those of its parents are kept and never touched."""

    def __init__(self) -> None:
        self.starting = threading.Lock()
        self.policy: opapywasm.OpaWasmPolicy | None = None


def _compile(code: bytes) -> _Compiled:
    config = wasmtime.Config()
    config.epoch_interruption = True  # for the SDK's limit on the time of an evaluation
    config.parallel_compilation = False
    engine = wasmtime.Engine(config)
    with opapywasm.runtime._NATIVE_LIFECYCLE_LOCK:  # so that no process is forked in the middle
        return _Compiled(engine, wasmtime.Module(engine, code))


class _Factory(opapywasm.runtime.WasmtimeRuntimeFactory):
    """The SDK's factory of instances, which also takes what is compiled already."""

    def __init__(self, policy: bytes | _Compiled, *, max_memory_pages: int | None = None) -> None:
        if not isinstance(policy, _Compiled):
            super().__init__(policy, max_memory_pages=max_memory_pages)
            return
        self._max_memory_pages = max_memory_pages
        self._engine, self._module = policy
        self._epoch = opapywasm.runtime.EpochTicker(self._engine)
        self._validate_required_env_imports()


setattr(opapywasm.policy, "WasmtimeRuntimeFactory", _Factory)  # noqa: B010  (the SDK has no option for it)


def _start(compiled: _Compiled, data: bytes) -> opapywasm.OpaWasmPolicy:
    config = opapywasm.PolicyConfig(
        pool_size=os.cpu_count() or 1,
        borrow_timeout_seconds=WAIT_SECONDS,
        max_input_bytes=2 * MAX_REQUEST_BYTES,  # a batch is a few bytes longer than its requests
        max_result_bytes=MAX_RESULT_BYTES,
        max_cstring_scan_bytes=MAX_RESULT_BYTES + 1,
        parse_raw_json_input=False,  # checked already, and more strictly
        eval_timeout_seconds=EVALUATION_SECONDS,
    )
    policy = opapywasm.OpaWasmPolicy(cast(bytes, compiled), config)
    policy.set_data(data)
    return policy


# --- the thread that works for the main thread

_Result = TypeVar("_Result")


class _Task(Generic[_Result]):
    def __init__(self, function: Callable[[], _Result]) -> None:
        self.function = function
        self.abandoned = False  # nobody waits for the result any more
        self.outcome: SimpleQueue[tuple[_Result, None] | tuple[None, BaseException]] = SimpleQueue()

    def run(self) -> None:
        if not self.abandoned:
            try:
                self.outcome.put((self.function(), None))
            except BaseException as error:
                self.outcome.put((None, error))


_tasks: dict[int, SimpleQueue[_Task[Any]]] = {}  # by generation, because a fork does not copy the thread


def _on_worker(function: Callable[[], _Result]) -> _Result:
    """Call a function: in the main thread, by another thread, so that no signal handler can interrupt it."""
    if threading.current_thread() is not threading.main_thread():
        return function()
    task = _Task(function)
    failure: BaseException
    try:
        _tasks_here().put(task)
        result, error = task.outcome.get(timeout=WAIT_SECONDS + 2 * EVALUATION_SECONDS)
    except Empty:
        failure = _busy()
    else:
        if error is None:
            return cast(_Result, result)
        failure = error
    finally:
        task.abandoned = True
    raise failure


def _tasks_here() -> SimpleQueue[_Task[Any]]:
    generation = _forks.generation
    if generation not in _tasks:
        tasks: SimpleQueue[_Task[Any]] = SimpleQueue()
        threading.Thread(target=_work, args=(tasks,), name="therapy-policy", daemon=True).start()
        _tasks[generation] = tasks
    return _tasks[generation]


def _work(tasks: SimpleQueue[_Task[Any]]) -> None:
    while True:
        task = tasks.get()
        task.run()
        del task  # it holds a request
