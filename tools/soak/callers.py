"""Callers as an application has them: threads and tasks with the shipped clients, one call after the other.

Every call is recorded with how it ended: in the right decision, in an error of this package, or in what must not be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from therapy_policy import AsyncSidecarClient, SidecarClient
from therapy_policy.client.decision import Client
from therapy_policy.errors import TherapyPolicyError

CLAIMS = Path(__file__).resolve().parents[2] / "examples/claims.jsonl"
THREADS, TASKS = 4, 4
BATCH = 50  # One thread and one task send batches. These take long, so some are always in progress.
PAUSE_SECONDS = 0.03  # between two requests, so that callers without a sidecar do not spin
# The clients keep their deadline by the clock. Then the thread may have to wait for a processor.
TOLERANCE_SECONDS = 5.0
RECOVERY_SECONDS = 30.0
DECIDED, WRONG = "decided", "a wrong decision"

_numbers = count()  # of all calls, so that each has its own request_id in the decision log


class Question(NamedTuple):
    """A request, and the right decision as JSON."""

    request: dict[str, Any]
    decision: str


def as_json(decision: object) -> str:
    """A decision as text to compare: in Python, 1 and True are equal."""
    return json.dumps(decision, sort_keys=True)


def questions_of(client: Client) -> list[Question]:
    """The requests in examples/claims.jsonl, with what an embedded client decides."""
    requests = []
    for line in CLAIMS.read_bytes().splitlines():
        with contextlib.suppress(ValueError):  # one line shows what a line that is not JSON leads to
            requests.append(json.loads(line))
    return [
        Question(request, as_json(decision))
        for request, decision in zip(requests, client.decide_many(requests), strict=True)
    ]


def is_valid(question: Question) -> bool:
    return bool(json.loads(question.decision)["outcome"] != "invalid_request")


@dataclass
class Call:
    """One call, of one request or a batch; `end` is `DECIDED`, `WRONG` or the name of an exception."""

    url: str
    request_id: str  # of all its requests
    numbers: list[int]  # of its requests in the list of questions
    begun: float  # by time.monotonic
    seconds: float = 0.0
    end: str = WRONG
    typed: bool = False  # whether it ended in a decision or an error of this package
    policy_version: str = ""


class Callers:
    """Calls to one or two sidecars while this context lasts.

    `policies` has the questions of each policy that may decide, in the same order. A call that ends in an error is made
    once more, to the other sidecar, if there are two: a load balancer or a caller with two addresses does that.
    """

    def __init__(self, policies: list[list[Question]], urls: list[str], *, deadline_seconds: float) -> None:
        self.calls: list[Call] = []
        self.undecided = 0  # requests and batches that no sidecar decided
        # Each call has a request_id of its own, by which it is found in the log. An invalid request is logged without.
        usable = [n for n, asked in enumerate(policies[0]) if asked.request.get("request_id") and is_valid(asked)]
        self._policies = [[questions[n] for n in usable] for questions in policies]
        self._urls = urls
        self._deadline_seconds = deadline_seconds
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(THREADS)]
        self._threads.append(threading.Thread(target=lambda: asyncio.run(self._ask_in_tasks()), daemon=True))
        self._hanging = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        until = time.monotonic() + 2 * len(self._urls) * self._longest
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._hanging = sum(thread.is_alive() for thread in self._threads)

    @property
    def _longest(self) -> float:
        return self._deadline_seconds + TOLERANCE_SECONDS

    def wait_for_decision(self, since: float) -> float | None:
        """Wait until a call that began after `since` is decided; return the seconds from then, None if none is."""
        until = time.monotonic() + RECOVERY_SECONDS
        while time.monotonic() < until:
            ended = [c.begun + c.seconds - since for c in list(self.calls) if c.begun > since and c.end == DECIDED]
            if ended:
                return min(ended)
            time.sleep(0.01)
        return None

    def problems(self) -> list[str]:
        """What must not be: another decision, another exception, a call beyond its deadline, a call without end."""
        ends = Counter(call.end for call in self.calls if not call.typed)
        problems = [f"{number} × {end}" for end, number in ends.items()]
        if late := sum(call.seconds > self._longest for call in self.calls):
            problems.append(f"{late} calls took more than {self._longest:g} s")
        if self._hanging:
            problems.append(f"{self._hanging} callers hang")
        return problems

    def _ask(self, caller: int) -> None:
        with contextlib.ExitStack() as stack:
            clients = {
                url: stack.enter_context(SidecarClient(url, deadline_seconds=self._deadline_seconds))
                for url in self._in_turn(caller)
            }
            while not self._stopping.wait(PAUSE_SECONDS):
                for url, client in clients.items():
                    with self._call(url, BATCH if caller == 0 else 1) as (call, requests):
                        decisions = client.decide_many(requests) if caller == 0 else [client.decide(requests[0])]
                        self._check(call, decisions)
                    if call.end == DECIDED:
                        break
                else:
                    self.undecided += 1

    async def _ask_in_tasks(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            clients = {
                url: await stack.enter_async_context(AsyncSidecarClient(url, deadline_seconds=self._deadline_seconds))
                for url in self._urls
            }
            await asyncio.gather(*(self._task(caller, clients) for caller in range(TASKS)))

    async def _task(self, caller: int, clients: dict[str, AsyncSidecarClient]) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(PAUSE_SECONDS)
            for url in self._in_turn(caller):
                with self._call(url, BATCH if caller == 0 else 1) as (call, requests):
                    client = clients[url]
                    decisions = (
                        await client.decide_many(requests) if caller == 0 else [await client.decide(requests[0])]
                    )
                    self._check(call, decisions)
                if call.end == DECIDED:
                    break
            else:
                self.undecided += 1

    def _in_turn(self, caller: int) -> list[str]:
        first = caller % len(self._urls)
        return self._urls[first:] + self._urls[:first]

    @contextlib.contextmanager
    def _call(self, url: str, size: int) -> Iterator[tuple[Call, list[dict[str, Any]]]]:
        number = next(_numbers)
        questions = self._policies[0]
        numbers = [(number + offset) % len(questions) for offset in range(size)]
        call = Call(url, f"soak.{number}", numbers, time.monotonic())
        try:
            yield call, [questions[n].request | {"request_id": call.request_id} for n in numbers]
        except TherapyPolicyError as error:
            call.end, call.typed = type(error).__name__, True
        except Exception as error:
            call.end = type(error).__name__
        call.seconds = time.monotonic() - call.begun
        self.calls.append(call)

    def _check(self, call: Call, decisions: list[Any]) -> None:
        call.policy_version = decisions[0]["policy_version"]
        asked = [as_json(decision) for decision in decisions]
        for questions in self._policies:
            right = [json.loads(questions[n].decision) for n in call.numbers]
            if asked == [as_json(decision | {"request_id": call.request_id}) for decision in right]:
                call.end, call.typed = DECIDED, True
