"""One rule in other engines and in plain Python: whether a claim of one line is authorized whole.

The code must be on the list for occupational therapy, not as an add-on, and the units at most those of one visit. Both
come from the policy's data. Each engine answers the same lines, and every answer is compared with the client's.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from bench.measure import in_turn, in_words, progress, seconds_of, table
from bench.requests import Request, example
from proof.policy_in_force import POLICY
from therapy_policy import EmbeddedClient

LINES = 1000
ROWS = 1_000_000
SINGLE_CALLS = 200  # of engines that are asked line by line


class OneRule(NamedTuple):
    """The codes and the units that the policy allows on a line by itself."""

    codes: list[str]
    units: int


class Rival(NamedTuple):
    """How an engine is asked. `answers` is for all lines; `seconds` is for one line."""

    name: str
    answers: Callable[[], list[bool]]
    seconds: Callable[[], float]
    does_not: str


def rule() -> OneRule:
    listed = POLICY.on(None, "pediatric_ot", "procedure_codes")
    codes = sorted(code for code, entry in listed.items() if "add_on_to" not in entry)
    return OneRule(codes, POLICY.on(None, "units_per_visit"))


def lines(one: OneRule, count: int) -> list[dict[str, Any]]:
    """Lines of which about half are authorized: each code with one digit changed now and then, and with all units."""
    codes = [*one.codes, *(f"{code[:-1]}X" for code in one.codes[:3])]
    return [{"code": codes[i % len(codes)], "units": i // len(codes) % (one.units + 2) + 1} for i in range(count)]


def measure(rounds: int) -> str:
    """Return the table, with ratios to a batch of this policy.

    An engine that is not installed is left out of it, and that is reported.
    """
    progress("the same rule in other engines …")
    one = rule()
    some = lines(one, LINES)
    with EmbeddedClient() as client:
        engines = [plain_python(one, some)]
        for module, engine in (("duckdb", duckdb), ("zen", zen), ("cedarpy", cedarpy)):
            try:
                importlib.import_module(module)
            except ImportError:
                progress(f"{module} is not installed, so its engine is left out: pip install therapy-policy[bench]")
            else:
                engines += engine(one, some)
        engines += embedded(client, some)
        decided = engines[-1].answers()
        for engine_ in engines:
            if engine_.answers() != decided:
                raise SystemExit(f"error: {engine_.name} does not answer as the policy does")
        times = in_turn({each.name: each.seconds for each in engines}, rounds)
    base = times[engines[-1].name]
    rows = [
        [each.name, in_words(times[each.name]), f"{times[each.name] / base:.2g}", each.does_not] for each in engines
    ]
    return table(["engine", "one line", "ratio", "what it leaves out"], rows)


def one_by_one(ask: Callable[[dict[str, Any]], Any], some: list[dict[str, Any]]) -> Callable[[], float]:
    def all_lines() -> None:
        for line in some:
            ask(line)

    return lambda: seconds_of(all_lines) / len(some)


NO_DECISION = "reasons, units, several lines, benefits, dates, validation"


def plain_python(one: OneRule, some: list[dict[str, Any]]) -> Rival:
    codes, most = frozenset(one.codes), one.units

    def ask(line: dict[str, Any]) -> bool:
        return line["code"] in codes and line["units"] <= most

    return Rival("plain Python", lambda: [ask(line) for line in some], one_by_one(ask, some), NO_DECISION)


def duckdb(one: OneRule, some: list[dict[str, Any]]) -> list[Rival]:
    import duckdb as engine

    codes = ", ".join(f"'{code}'" for code in one.codes)
    answer = f"SELECT code IN ({codes}) AND units <= {one.units} AS authorized FROM"
    connection = engine.connect(config={"threads": 1})
    connection.execute("CREATE TABLE few (place INTEGER, code VARCHAR, units INTEGER)")
    connection.executemany(
        "INSERT INTO few VALUES (?, ?, ?)", [[i, line["code"], line["units"]] for i, line in enumerate(some)]
    )
    connection.execute(f"CREATE TABLE lines AS SELECT code, units FROM few, range({ROWS // len(some)})")

    def answers() -> list[bool]:
        return [row[0] for row in connection.execute(f"{answer} few ORDER BY place").fetchall()]

    def all_rows() -> None:
        connection.execute(f"CREATE OR REPLACE TABLE answers AS {answer} lines")

    return [
        Rival(
            f"DuckDB, SQL over {ROWS:,} rows in memory, one thread",
            answers,
            lambda: seconds_of(all_rows) / ROWS,
            f"{NO_DECISION}, single questions",
        )
    ]


def zen(one: OneRule, some: list[dict[str, Any]]) -> list[Rival]:
    import zen as engine

    codes = ", ".join(f'"{code}"' for code in one.codes)
    content = {
        "nodes": [
            {"id": "in", "name": "in", "type": "inputNode"},
            {
                "id": "table",
                "name": "table",
                "type": "decisionTableNode",
                "content": {
                    "hitPolicy": "first",
                    "inputs": [
                        {"id": "code", "name": "code", "field": "code"},
                        {"id": "units", "name": "units", "field": "units"},
                    ],
                    "outputs": [{"id": "authorized", "name": "authorized", "field": "authorized"}],
                    "rules": [
                        {"_id": "1", "code": codes, "units": f"<= {one.units}", "authorized": "true"},
                        {"_id": "2", "code": "", "units": "", "authorized": "false"},
                    ],
                },
            },
            {"id": "out", "name": "out", "type": "outputNode"},
        ],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "table"},
            {"id": "2", "sourceId": "table", "targetId": "out"},
        ],
    }
    decision = engine.ZenEngine().create_decision(json.dumps(content))
    expression = engine.compile_expression(f"code in [{codes}] and units <= {one.units}")
    few = some[:SINGLE_CALLS]
    return [
        Rival(
            "zen-engine, a decision table",
            lambda: [decision.evaluate(line)["result"]["authorized"] for line in some],
            one_by_one(decision.evaluate, few),
            NO_DECISION,
        ),
        Rival(
            "zen-engine, an expression",
            lambda: [expression.evaluate(line) for line in some],
            one_by_one(expression.evaluate, some),
            NO_DECISION,
        ),
    ]


def cedarpy(one: OneRule, some: list[dict[str, Any]]) -> list[Rival]:
    import cedarpy as engine

    codes = ", ".join(f'"{code}"' for code in one.codes)
    condition = f"[{codes}].contains(context.code) && context.units <= {one.units}"
    policies = engine.PolicySet.from_str(f"permit(principal, action, resource) when {{ {condition} }};")
    entities = engine.Entities.from_json_str("[]")
    asked = [
        {"principal": 'Plan::"p"', "action": 'Action::"authorize"', "resource": 'Line::"l"', "context": line}
        for line in some
    ]
    ask = partial(engine.is_authorized, policies=policies, entities=entities)
    batch = partial(engine.is_authorized_batch, asked, policies, entities)
    return [
        Rival(
            "Cedar (cedarpy)",
            lambda: [ask(request).allowed for request in asked],
            one_by_one(ask, asked[:SINGLE_CALLS]),
            NO_DECISION,
        ),
        Rival(
            f"Cedar (cedarpy), a batch of {LINES:,}",
            lambda: [answer.allowed for answer in batch()],
            lambda: seconds_of(batch) / LINES,
            NO_DECISION,
        ),
    ]


def embedded(client: EmbeddedClient, some: list[dict[str, Any]]) -> list[Rival]:
    claim = example("pediatric_ot_claim")

    def request(line: dict[str, Any]) -> Request:
        return claim | {"service_lines": [{"procedure_code": line["code"], "units": line["units"]}]}

    claims = [request(line) for line in some]

    def answers(decisions: list[Any]) -> list[bool]:
        return [decision["outcome"] == "authorized" for decision in decisions]

    return [
        Rival(
            "this policy, embedded",
            lambda: answers([client.decide(claim) for claim in claims]),
            one_by_one(client.decide, claims[:SINGLE_CALLS]),
            "nothing: the whole decision on a claim",
        ),
        Rival(
            "this policy in a batch",
            lambda: answers(client.decide_many(claims)),
            lambda: seconds_of(lambda: client.decide_many(claims)) / LINES,
            "nothing: the whole decision on each claim",
        ),
    ]
