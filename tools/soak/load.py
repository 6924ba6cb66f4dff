"""Load from vegeta: as many requests as some connections carry, or a constant rate whatever the answers.

vegeta keeps every answer. They are checked after each stage, so that checking takes nothing from the sidecar.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from statistics import quantiles

from tools.soak.callers import Question, as_json
from tools.soak.cores import on_the_last_core
from tools.soak.sidecar import Sidecar

DEADLINE_SECONDS = 10.0
LOG_SECONDS = 30.0  # for the last entries of the decision log


@dataclass
class Stage:
    """What came back: how many requests were decided and refused, in seconds of sending, and what is not allowed."""

    name: str
    offered: float | None  # requests a second; None if each connection sends the next one after the last answer
    seconds: float = 0.0
    decided: list[float] = field(default_factory=list)  # the seconds that each took
    refused: list[float] = field(default_factory=list)  # HTTP 503 with Retry-After
    problems: Counter[str] = field(default_factory=Counter)
    decision_ids: set[str] = field(default_factory=set)

    @property
    def goodput(self) -> float:
        """Decisions a second."""
        return len(self.decided) / self.seconds

    @property
    def sent(self) -> int:
        return len(self.decided) + len(self.refused) + self.problems.total()

    def milliseconds(self, percent: int) -> float:
        """A percentile of the time until a decision."""
        if len(self.decided) < 2:
            return inf
        return quantiles(self.decided, n=100, method="inclusive")[percent - 1] * 1e3


def attack(
    vegeta: Path,
    sidecar: Sidecar,
    questions: list[Question],
    scratch: Path,
    name: str,
    seconds: float,
    *,
    connections: int = 0,
    rate: float | None = None,
) -> Stage:
    """Send requests for some seconds, at `rate` or, without one, over some `connections`; check every answer."""
    targets, results = scratch / "targets.json", scratch / "results.bin"
    with targets.open("w", encoding="utf-8") as file:
        for number, question in enumerate(questions):
            body = json.dumps({"input": question.request}).encode()
            target = {
                "method": "POST",
                # The fragment is not sent. It tells later which request an answer belongs to.
                "url": f"{sidecar.url}/v1/data/therapy/decision#{number}",
                "header": {"Content-Type": ["application/json"]},
                "body": base64.b64encode(body).decode(),
            }
            file.write(json.dumps(target) + "\n")
    command = [str(vegeta), "attack", "-format=json", f"-targets={targets}", f"-output={results}"]
    command += [f"-duration={seconds:g}s", f"-timeout={DEADLINE_SECONDS:g}s", "-redirects=-1"]
    if rate is None:
        command += ["-rate=0", f"-max-workers={connections}", f"-workers={connections}", f"-connections={connections}"]
    else:
        command += [f"-rate={rate:.0f}/1s"]
    subprocess.run(command, check=True, preexec_fn=on_the_last_core)
    stage = checked(vegeta, results, Stage(name, rate), questions)
    if missing := not_logged(sidecar, stage.decision_ids):
        stage.problems["a decision that is not in the log"] = missing
    return stage


def not_logged(sidecar: Sidecar, decision_ids: set[str]) -> int:
    """How many decisions the log does not have, after waiting for it."""
    missing = set(decision_ids)
    until = time.monotonic() + LOG_SECONDS
    while missing and time.monotonic() < until:
        time.sleep(0.1)
        missing -= {decision_id for decision_id, _ in sidecar.logged()}
    return len(missing)


def checked(vegeta: Path, results: Path, stage: Stage, questions: list[Question]) -> Stage:
    """Check every answer in a file of vegeta's results."""
    begun, ended = [], []
    with subprocess.Popen([str(vegeta), "encode", "--to=json", str(results)], stdout=subprocess.PIPE) as encoded:
        assert encoded.stdout
        for line in encoded.stdout:
            result = json.loads(line)
            latency = result["latency"] / 1e9
            begun.append(datetime.fromisoformat(result["timestamp"]).timestamp())
            ended.append(begun[-1] + latency)
            headers = {name.lower() for name in result["headers"] or {}}
            if result["code"] == 200:
                answer = json.loads(base64.b64decode(result["body"]))
                question = questions[int(result["url"].rpartition("#")[2])]
                if as_json(answer["result"]) == question.decision:
                    stage.decided.append(latency)
                    stage.decision_ids.add(answer["decision_id"])
                else:
                    stage.problems["a wrong decision"] += 1
            elif result["code"] == 503 and "retry-after" in headers:
                stage.refused.append(latency)
            else:
                stage.problems[f"HTTP {result['code']}: {result['error'].rpartition(': ')[2][:80]}"] += 1
    stage.seconds = max(ended) - min(begun)
    return stage
