"""Faults while callers ask: restarts, deaths, a stopped OPA, another policy, and connections that toxiproxy damages."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from therapy_policy.policy.bundles import Bundle, load
from tools.ports import free_port
from tools.soak.callers import DECIDED, Call, Callers, Question, questions_of
from tools.soak.sidecar import Sidecar, wait_until

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 2.0
SHORT_DEADLINE_SECONDS = 1.0  # where calls are to run into it
LONG_DEADLINE_SECONDS = 20.0  # where none may
LOG_SECONDS = 30.0  # for the last entries of the decision log
SOON_SECONDS = 0.05  # in which what was killed may still answer
ANOTHER_VERSION = "99.0.0"

# What toxiproxy does to each connection between a client and the sidecar, and whether every call is decided.
TOXICS: dict[str, tuple[dict[str, Any], bool]] = {
    "no answers": ({"type": "timeout", "attributes": {"timeout": 0}}, False),
    "half answers": ({"type": "limit_data", "attributes": {"bytes": 600}}, False),
    "connections reset": ({"type": "reset_peer", "attributes": {"timeout": 20}}, False),
    "half requests": ({"type": "limit_data", "stream": "upstream", "attributes": {"bytes": 300}}, False),
    "requests at 5 kB/s": ({"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 5}}, False),
    "answers at 1 MB/s": ({"type": "bandwidth", "attributes": {"rate": 1000}}, True),
    "answers in small pieces": ({"type": "slicer", "attributes": {"average_size": 1000, "delay": 100}}, True),
    "answers 100 ms late": ({"type": "latency", "attributes": {"latency": 100, "jitter": 50}}, True),
}


@dataclass
class Result:
    """What happened to the calls during one fault: how each ended, and what must not be."""

    name: str
    ends: Counter[str]
    longest_seconds: float
    recovered_seconds: float | None  # from the fault, or from its end, to the next decision
    problems: list[str]


def result_of(name: str, callers: Callers, recovered: float | None, problems: list[str]) -> Result:
    ends = Counter(call.end for call in callers.calls)
    if not ends[DECIDED]:
        problems.append("nothing was decided")
    longest = max(call.seconds for call in callers.calls)
    return Result(name, ends, longest, recovered, [*callers.problems(), *problems])


def rolling_restart(
    both: list[Sidecar], questions: list[Question], seconds: float, bundle: Bundle | None = None
) -> Result:
    """Stop one sidecar after the other with SIGTERM and start it again, perhaps with another policy.

    When `serve` can replace its bundle while it runs, that can be asked for here in place of the restart.
    """
    policies = [questions]
    if bundle:
        with bundle.client() as client:
            policies.append(questions_of(client))
    statuses = []
    with Callers(policies, [each.url for each in both], deadline_seconds=LONG_DEADLINE_SECONDS) as callers:
        time.sleep(seconds)
        for sidecar in both:
            statuses.append(sidecar.stop())
            if bundle:
                sidecar.bundle = sidecar.log.with_suffix(".tar.gz")
                sidecar.bundle.write_bytes(bundle.archive)
            sidecar.start()
            restarted_at = time.monotonic()
            time.sleep(seconds)
    problems = unaccounted(both, callers.calls)
    if any(statuses):
        problems.append(f"the exit statuses were {statuses}")
    if callers.undecided:
        problems.append(f"{callers.undecided} requests were decided by neither sidecar")
    if bundle:
        late = {call.policy_version for call in callers.calls if call.begun > restarted_at and call.end == DECIDED}
        if late != {bundle.version}:
            problems.append(f"after the restarts, policies {sorted(late)} decided")
    return result_of("restart with another policy" if bundle else "rolling restart", callers, None, problems)


def unaccounted(sidecars: list[Sidecar], calls: list[Call]) -> list[str]:
    """What the decision log and the callers do not agree about: a decision that was lost, or was not logged."""
    decided = {call.request_id for call in calls if call.end == DECIDED}
    failed = {call.request_id for call in calls} - decided
    logged: set[str] = set()
    until = time.monotonic() + LOG_SECONDS
    while not decided <= logged and time.monotonic() < until:
        time.sleep(0.1)
        logged |= {str(decision["request_id"]) for each in sidecars for _, many in each.logged() for decision in many}
    problems = []
    if missing := len(decided - logged):
        problems.append(f"{missing} decisions are not in the log")
    if lost := len(failed & logged):
        problems.append(f"{lost} requests were decided, and their callers got no decision")
    return problems


def opa_killed(sidecar: Sidecar, questions: list[Question], seconds: float) -> Result:
    """Kill OPA, which `serve` starts again."""
    with Callers([questions], [sidecar.url], deadline_seconds=DEADLINE_SECONDS) as callers:
        time.sleep(seconds)
        sidecar.signal_opa(signal.SIGKILL)
        recovered = callers.wait_for_decision(time.monotonic() + SOON_SECONDS)
        time.sleep(seconds)
    return result_of("OPA killed with SIGKILL", callers, recovered, recovery(recovered))


def serve_killed(sidecar: Sidecar, questions: list[Question], seconds: float) -> Result:
    """Kill `serve`, which takes OPA and nginx with it, and start it again, as a platform does."""
    with Callers([questions], [sidecar.url], deadline_seconds=DEADLINE_SECONDS) as callers:
        time.sleep(seconds)
        sidecar.kill()
        killed_at = time.monotonic()
        sidecar.start()
        recovered = callers.wait_for_decision(killed_at + SOON_SECONDS)
        time.sleep(seconds)
    return result_of("`serve` killed with SIGKILL", callers, recovered, recovery(recovered))


def opa_stopped(sidecar: Sidecar, questions: list[Question], seconds: float) -> Result:
    """Stop OPA with SIGSTOP, so that it neither answers nor dies, for longer than the deadline; then let it run."""
    with Callers([questions], [sidecar.url], deadline_seconds=SHORT_DEADLINE_SECONDS) as callers:
        time.sleep(seconds)
        sidecar.signal_opa(signal.SIGSTOP)
        time.sleep(2 * SHORT_DEADLINE_SECONDS)
        sidecar.signal_opa(signal.SIGCONT)
        recovered = callers.wait_for_decision(time.monotonic())
        time.sleep(seconds)
    return result_of("OPA stopped with SIGSTOP", callers, recovered, recovery(recovered))


def recovery(seconds: float | None) -> list[str]:
    return ["no request was decided afterwards"] if seconds is None else []


def damaged_connections(
    toxiproxy: Path, sidecar: Sidecar, questions: list[Question], seconds: float, kinds: int
) -> Iterator[Result]:
    """Put toxiproxy between the callers and the sidecar, and yield what each kind of damage does."""
    control, port = f"http://127.0.0.1:{(control_port := free_port())}", free_port()
    command = [str(toxiproxy), "-host", "127.0.0.1", "-port", str(control_port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as proxy:
        try:
            wait_until(lambda: answers(f"{control}/version"))
            ends = {"name": "sidecar", "listen": f"127.0.0.1:{port}", "upstream": sidecar.url.removeprefix("http://")}
            ask(control, "POST", "/proxies", ends)
            for name, (toxic, decided) in list(TOXICS.items())[:kinds]:
                url = f"http://127.0.0.1:{port}"
                with Callers([questions], [url], deadline_seconds=SHORT_DEADLINE_SECONDS) as callers:
                    callers.wait_for_decision(0)
                    ask(control, "POST", "/proxies/sidecar/toxics", {"name": "toxic", **toxic})
                    damaged_at = time.monotonic()
                    time.sleep(SHORT_DEADLINE_SECONDS + seconds)
                    ask(control, "DELETE", "/proxies/sidecar/toxics/toxic")
                    mended_at = time.monotonic()
                    recovered = callers.wait_for_decision(mended_at)
                problems = recovery(recovered)
                during = {call.end for call in callers.calls if damaged_at < call.begun < mended_at}
                if decided and during != {DECIDED}:
                    problems.append(f"not everything was decided: {sorted(during)}")
                yield result_of(name, callers, recovered, problems)
        finally:
            proxy.terminate()


def ask(control: str, method: str, path: str, body: object = None) -> None:
    requests.request(method, control + path, json=body, timeout=10).raise_for_status()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def another_policy(scratch: Path) -> Bundle:
    """Return this policy with another version, which each of its decisions shows."""
    policies = scratch / "policies"
    shutil.copytree(ROOT / "policies", policies)
    register, manifest = policies / "therapy/register/policy/data.yaml", policies / ".manifest"
    version = yaml.safe_load(register.read_text(encoding="utf-8"))["version"]
    for file in (register, manifest):
        file.write_text(file.read_text(encoding="utf-8").replace(version, ANOTHER_VERSION), encoding="utf-8")
    return load(str(policies))
