"""The embedded client in processes that fork, in threads, under signals, and in the servers that people use.

Each test runs a script in a process of its own, because a fault here is a process that hangs or crashes.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.running import free_port
from therapy_policy import EmbeddedClient
from therapy_policy.client import embedded as module
from therapy_policy.errors import EngineNotAvailable

START = """
import faulthandler, multiprocessing, os, signal, sys, threading, time
faulthandler.enable()
from therapy_policy import EmbeddedClient

ROUTE = {"request_type": "referral_route", "request_id": "a-1", "island": "oahu"}

def decides(client):
    assert client.decide(ROUTE)["outcome"] == "routed"
    assert [decision["outcome"] for decision in client.decide_many([ROUTE] * 20)] == ["routed"] * 20

def in_child(work):
    \"\"\"Fork a process that does the work, and return its id.\"\"\"
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS - 4)
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return child

def ends_well(child):
    _, status = os.waitpid(child, 0)
    assert status == 0, status
"""

SECONDS = 60  # far more than any script needs


WATCH = f"\nimport faulthandler; faulthandler.dump_traceback_later({SECONDS}, exit=True)"


def run(script: str, before: str = "", watch: str = WATCH) -> str:
    """Run a script, and return what it prints. If it hangs, the traceback of every thread is in the error.

    `watch` must be empty for a script whose forked process ends like any other: at the end, Python waits for the thread
    that watches, which a fork does not copy.
    """
    return run_python("-c", before + watch + START.replace("SECONDS", str(SECONDS)) + script)


def run_python(*arguments: str) -> str:
    """Run Python, and end it and every process that it started if it takes too long."""
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            printed, errors = process.communicate(timeout=SECONDS + 10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, errors[-3000:]
    assert errors == ""
    return printed


# --- forks


def test_a_client_made_in_a_forked_process() -> None:
    run("""
def work():
    with EmbeddedClient() as another:
        decides(another)
    decides(client)

client = EmbeddedClient()
decides(client)
for _ in range(3):
    ends_well(in_child(work))
decides(client)
""")


def test_a_client_shared_over_forks() -> None:
    run("""
client = EmbeddedClient()

def grandchild():
    decides(client)

def child():
    ends_well(in_child(grandchild))
    decides(client)
    ends_well(in_child(grandchild))

ends_well(in_child(child))
decides(client)
client.close()

def closed():
    try:
        client.decide(ROUTE)
    except Exception as error:
        assert "closed" in str(error)

ends_well(in_child(closed))
""")


def test_forks_while_threads_decide_and_make_clients() -> None:
    run(
        """
client = EmbeddedClient()
stop = False

def decide():
    while not stop:
        client.decide(ROUTE)

def make():
    while not stop:
        with EmbeddedClient() as another:
            another.decide(ROUTE)
        time.sleep(0.2)

def work():
    threads = [threading.Thread(target=decides, args=(client,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    decides(client)
    for thread in threads:
        thread.join()

threads = [threading.Thread(target=task) for task in (decide, decide, decide, make)]
for thread in threads:
    thread.start()
for _ in range(6):
    ends_well(in_child(work))
child = os.fork()
if child == 0:
    decides(client)
    sys.exit()  # an ordinary end, with everything that Python cleans up
ends_well(child)
stop = True
for thread in threads:
    thread.join()
decides(client)
""",
        watch="",
    )


def test_forks_by_threads() -> None:
    run("""
client = EmbeddedClient()
failures = []

def fork():
    try:
        for _ in range(4):
            ends_well(in_child(lambda: decides(client)))
            decides(client)
    except BaseException as error:
        failures.append(error)

threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
decides(client)
""")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(method: str, tmp_path: Path) -> None:
    script = tmp_path / "workers.py"
    script.write_text(f"""
import multiprocessing
from therapy_policy import EmbeddedClient

client = EmbeddedClient()

def work(number):
    request = {{"request_type": "referral_route", "request_id": str(number), "island": "oahu"}}
    return client.decide(request)["request_id"]

if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(3) as pool:
        assert pool.map(work, range(60), 5) == [str(number) for number in range(60)]
    assert work(1) == "1"
    print("done")
""")
    assert run_python(str(script)) == "done\n"


# --- signals


@pytest.mark.parametrize("kind", ["Exception", "BaseException"])
def test_a_signal_handler_that_raises(kind: str) -> None:
    printed = run(
        f"""
class Late({kind}):
    pass
"""
        + """
def late(*_):
    raise Late

signal.signal(signal.SIGALRM, late)
client = EmbeddedClient()
calls = (lambda: client.decide(ROUTE), lambda: client.decide_many([ROUTE] * 20))
counts = [0, 0]
end = time.monotonic() + 4
while time.monotonic() < end:
    try:
        try:
            # At any moment of a decision.
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + (counts[0] + counts[1]) % 97 * 1e-5)
            for _ in range(20):
                calls[counts[0] % 2]()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        counts[1] += 1
    except Late:
        counts[0] += 1
for _ in range(os.cpu_count() + 2):
    decides(client)
start = time.monotonic()
threads = [threading.Thread(target=decides, args=(client,)) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert time.monotonic() - start < 5
print(counts[0])
"""
    )
    assert int(printed) > 200


def test_a_signal_handler_that_raises_while_a_client_is_made_and_closed() -> None:
    run("""
class Late(Exception):
    pass

def late(*_):
    raise Late

signal.signal(signal.SIGALRM, late)
interrupted = 0
for step in range(30):
    client = None
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.001 + step % 6 * 0.03)
            client = EmbeddedClient()
            while True:
                client.decide(ROUTE)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Late:
        interrupted += 1
        if client:
            client.close()
assert interrupted == 30
with EmbeddedClient() as client:
    decides(client)
""")


def test_a_signal_handler_that_decides() -> None:
    run("""
client = EmbeddedClient()
decided = []
signal.signal(signal.SIGALRM, lambda *_: decided.append(client.decide(ROUTE)["outcome"]))
for _ in range(100):
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    decides(client)
signal.setitimer(signal.ITIMER_REAL, 0)
assert set(decided) == {"routed"}
""")


def test_the_time_limits_of_celery(tmp_path: Path) -> None:
    """The pool of processes that Celery's workers use, with the soft time limit of a task."""
    script = tmp_path / "tasks.py"
    script.write_text("""
from billiard.pool import Pool
from billiard.exceptions import SoftTimeLimitExceeded
from therapy_policy import EmbeddedClient

client = EmbeddedClient()
ROUTE = {"request_type": "referral_route", "request_id": "a-1", "island": "oahu"}

def decide():
    return client.decide(ROUTE)["outcome"]

def decide_for_long():
    try:
        while True:
            client.decide_many([ROUTE] * 50)
    except SoftTimeLimitExceeded:
        return "late, then " + decide()

if __name__ == "__main__":
    pool = Pool(2, enable_timeouts=True)
    late = [pool.apply_async(decide_for_long, soft_timeout=1) for _ in range(4)]
    found = [each.get(40) for each in late]
    assert set(found) == {"late, then routed"}, found
    assert {each.get(40) for each in [pool.apply_async(decide) for _ in range(10)]} == {"routed"}
    pool.terminate()
    pool.join()
    print("done")
""")
    assert run_python(str(script)) == "done\n"


# --- threads


def test_no_wait_is_without_bound(monkeypatch: pytest.MonkeyPatch, visit: dict[str, Any]) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.2)
    with EmbeddedClient() as client, ExitStack() as others, ThreadPoolExecutor(1) as thread:
        for _ in range(os.cpu_count() or 1):
            others.enter_context(client._policy_here()._pool.borrow())
        ways: list[Callable[[], object]] = [
            lambda: client.decide(visit),
            lambda: thread.submit(client.decide, visit).result(5),
        ]
        for decide in ways:
            start = time.monotonic()
            with pytest.raises(EngineNotAvailable, match="Send fewer requests at a time"):
                decide()
            assert time.monotonic() - start < 10
        others.close()
        assert client.decide(visit)["outcome"] == "authorized"


def test_asyncio() -> None:
    run("""
import asyncio
client = EmbeddedClient()

async def main():
    requests = [{**ROUTE, "request_id": str(number)} for number in range(200)]
    decisions = await asyncio.gather(*(asyncio.to_thread(client.decide, request) for request in requests))
    assert [decision["request_id"] for decision in decisions] == [str(number) for number in range(200)]
    late = asyncio.to_thread(client.decide_many, requests * 5)
    try:
        await asyncio.wait_for(late, 0.001)
    except TimeoutError:
        pass
    assert client.decide(ROUTE)["outcome"] == "routed"

asyncio.run(main())
""")


def test_gevent() -> None:
    run(
        before="from gevent import monkey; monkey.patch_all()",
        script="""
import gevent
from gevent.pool import Pool
client = EmbeddedClient()
decides(client)
decided = Pool(50).map(lambda number: client.decide({**ROUTE, "request_id": str(number)})["request_id"], range(300))
assert decided == [str(number) for number in range(300)]
with gevent.Timeout(5):
    decides(client)
ends_well(in_child(lambda: decides(client)))
""",
    )


# --- servers

APP = """
from therapy_policy import EmbeddedClient

client = EmbeddedClient()

def app(environ, start_response):
    request = {"request_type": "referral_route", "request_id": environ["PATH_INFO"].strip("/"), "island": "oahu"}
    decision = client.decide(request)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{decision['outcome']} {decision['request_id']}".encode()]
"""


WORKERS = 2
SERVER = f"""
from pathlib import Path

workers = {WORKERS}
timeout = 20

def post_worker_init(worker):
    Path(f"started-{{worker.pid}}").touch()
"""


@contextmanager
def gunicorn(directory: Path, *options: str) -> Iterator[str]:
    (directory / "app.py").write_text(APP)
    (directory / "gunicorn.conf.py").write_text(SERVER)
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", *options]
    log = (directory / "log").open("w")
    with log, subprocess.Popen([*command, "app:app"], cwd=directory, stdout=log, stderr=log) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            # gunicorn loses a SIGTERM for a worker that is not started yet, and then waits for that worker.
            end = time.monotonic() + 20
            while len(list(directory.glob("started-*"))) < WORKERS and time.monotonic() < end:
                time.sleep(0.05)
            process.terminate()
            try:
                process.wait(20)
            finally:
                process.kill()


def answer(url: str) -> str:
    end = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return str(response.read().decode())
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("preload", [["--preload"], []])
@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_gunicorn(worker: str, preload: list[str], tmp_path: Path) -> None:
    with gunicorn(tmp_path, f"--worker-class={worker}", "--threads=4", *preload) as url:
        assert answer(f"{url}/start") == "routed start"
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda number: answer(f"{url}/{number}"), range(100)))
    assert answers == [f"routed {number}" for number in range(100)]
    assert not re.search("error|exception|traceback|timeout", (tmp_path / "log").read_text(), re.IGNORECASE)
