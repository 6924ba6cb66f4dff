"""The asyncio client, with a real OPA."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.client.servers import Misbehave, run
from tests.running import free_port
from therapy_policy import AsyncSidecarClient, EmbeddedClient, SidecarClient
from therapy_policy.errors import EngineError, EngineNotAvailable, EngineTimeout, RequestNotJson, SidecarUrlInvalid

SECONDS = 60.0  # for one exchange: far more than it takes, even on a machine that is busy


def test_it_decides_as_the_embedded_policy_does(
    sidecar: SidecarClient, embedded: EmbeddedClient, visit: dict[str, Any]
) -> None:
    requests: list[Any] = [visit, None, {"requests": []}, visit | {"x": 1}] * 300

    async def decide() -> None:
        async with AsyncSidecarClient(sidecar._endpoint.url, deadline_seconds=SECONDS) as client:
            assert await client.ready()
            decision = await client.decide(visit)
            assert decision["outcome"] == "authorized"
            assert decision == embedded.decide(visit)
            assert await client.decide_text(json.dumps(visit).encode()) == decision
            assert await client.decide_many(requests) == embedded.decide_many(requests)
            assert await client.decide_texts(map(json.dumps, requests)) == embedded.decide_many(requests)
            with pytest.raises(RequestNotJson, match="Request 1,"):
                await client.decide_texts(["null", "{"])

    run(decide())


def test_hundreds_of_decisions_at_once_over_a_few_connections(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    async def decide() -> list[tuple[str | None, int]]:
        async with AsyncSidecarClient(
            sidecar._endpoint.url, deadline_seconds=10 * SECONDS, max_connections=8
        ) as client:

            async def one(number: int) -> tuple[str | None, int]:
                units = visit["visit"] | {"units": number % 4 + 1}
                decision = await client.decide(visit | {"request_id": str(number), "visit": units})
                return decision["request_id"], decision["authorized"]["units"]

            answers = await asyncio.gather(*map(one, range(400)))
            assert len(client._idle._idle) <= 8
            return answers

    assert run(decide()) == [(str(number), number % 4 + 1) for number in range(400)]


def test_waiting_for_a_connection_counts(misbehaving: Callable[[Misbehave], str]) -> None:
    def hangs(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(2)

    url = misbehaving(hangs)

    async def decide() -> None:
        async with AsyncSidecarClient(url, deadline_seconds=0.4, max_connections=1) as client:
            start = time.monotonic()
            results = await asyncio.gather(*(client.decide(None) for _ in range(10)), return_exceptions=True)
            assert [type(result) for result in results] == [EngineTimeout] * 10
            assert time.monotonic() - start < 3  # one after the other would take 4 s

    run(decide())


def test_a_cancelled_task_leaves_nothing_behind(
    misbehaving: Callable[[Misbehave], str], embedded: EmbeddedClient
) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        request = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["input"]
        if request["request_id"] == "slow":
            time.sleep(1)
        content = json.dumps({"result": embedded.decide(request)}).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

    url = misbehaving(answer)

    async def decide() -> None:
        async with AsyncSidecarClient(url, deadline_seconds=SECONDS, max_connections=2) as client:
            for _ in range(3):
                tasks = [asyncio.create_task(client.decide({"request_id": "slow"})) for _ in range(4)]
                await asyncio.sleep(0.1)
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                assert all(isinstance(result, asyncio.CancelledError) for result in results)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await client.decide({"request_id": "slow"})
            decisions = await asyncio.gather(*(client.decide({"request_id": str(n)}) for n in range(10)))
            assert [decision["request_id"] for decision in decisions] == [str(n) for n in range(10)]

    run(decide())


def test_a_version_can_be_pinned(sidecar: SidecarClient, embedded: EmbeddedClient, visit: dict[str, Any]) -> None:
    version = embedded.decide(visit)["policy_version"]
    url = sidecar._endpoint.url

    async def decide(pinned: str) -> str:
        async with AsyncSidecarClient(url, deadline_seconds=SECONDS, policy_version=pinned) as client:
            await client.decide_many([visit])
            return (await client.decide(visit))["policy_version"]

    assert run(decide(version)) == version
    with pytest.raises(EngineError, match="another version of the policy"):
        run(decide("0.9.0"))
    with SidecarClient(url, deadline_seconds=SECONDS, policy_version=version) as client:
        assert client.decide(visit)["policy_version"] == version
    with (
        SidecarClient(url, deadline_seconds=SECONDS, policy_version="0.9.0") as client,
        pytest.raises(EngineError, match="another version of the policy"),
    ):
        client.decide(visit)


def test_nothing_listens_or_the_client_is_closed(sidecar: SidecarClient, visit: dict[str, Any]) -> None:
    async def decide() -> None:
        async with AsyncSidecarClient(f"http://127.0.0.1:{free_port()}") as client:
            assert not await client.ready()
            with pytest.raises(EngineNotAvailable, match="therapy-policy serve"):
                await client.decide(visit)
        async with AsyncSidecarClient(sidecar._endpoint.url, deadline_seconds=SECONDS) as client:
            await client.decide(visit)
        await client.aclose()
        with pytest.raises(EngineNotAvailable, match="closed"):
            await client.decide(visit)

    run(decide())


@pytest.mark.parametrize("host", ["x" * 64 + ".example", ".."])
def test_a_host_that_is_not_there(host: str, visit: dict[str, Any]) -> None:
    async def decide() -> None:
        async with AsyncSidecarClient(f"http://{host}", deadline_seconds=SECONDS) as client:
            with pytest.raises(EngineNotAvailable, match="No server answers"):
                await client.decide(visit)

    run(decide())


def test_options_are_checked() -> None:
    for options in ({"deadline_seconds": 0}, {"max_connections": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            AsyncSidecarClient(**options)  # type: ignore[arg-type]
    with pytest.raises(SidecarUrlInvalid):
        AsyncSidecarClient("localhost")


def test_proxy_variables_of_the_environment_are_ignored(
    sidecar: SidecarClient, monkeypatch: pytest.MonkeyPatch, visit: dict[str, Any]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    async def decide() -> None:
        async with AsyncSidecarClient(sidecar._endpoint.url, deadline_seconds=SECONDS) as client:
            assert (await client.decide(visit))["outcome"] == "authorized"

    run(decide())


def test_without_httpx_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['httpx'] = None; from therapy_policy import SidecarClient, AsyncSidecarClient"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "ImportError: AsyncSidecarClient needs httpx. Run: pip install 'therapy-policy[async]'\n"
    )


def test_the_examples_in_the_guide(sidecar: SidecarClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"request_type": ["referral_route"], "island": ["oahu"]}), tmp_path / "claims.parquet")
    monkeypatch.chdir(tmp_path)
    guide = (Path(__file__).parents[2] / "docs" / "engineers.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    code = "\n".join(examples).replace("http://127.0.0.1:8181", sidecar._endpoint.url)
    names: dict[str, Any] = {}
    with ThreadPoolExecutor(1) as thread:  # see `run`
        thread.submit(exec, code.replace("deadline_seconds=2.0", f"deadline_seconds={SECONDS}"), names).result()
    assert "AsyncSidecarClient" in names
    assert {decision["outcome"] for decision in names["decisions"]} == {"routed"}
