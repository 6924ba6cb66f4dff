"""The numbers and lists of the policy under proof, by date, for the oracle and the strategies.

This is a second reader of the parameters, on purpose: it shares nothing with the one in Rego.
"""

import datetime
from pathlib import Path
from typing import Any

import yaml

PARAMETERS = Path(__file__).parents[1] / "policies/therapy/parameters/data.yaml"


class PolicyInForce:
    """The parameters of one policy."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        """`parameters` is the document of policies/therapy/parameters/data.yaml."""
        self._parameters = parameters

    @classmethod
    def read(cls, path: Path = PARAMETERS) -> "PolicyInForce":
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    def on(self, date: str | None, *path: str) -> Any:
        """The value of a parameter on a date, or its newest value for None; None before its first period."""
        value = None
        for period in self._periods(*path):
            if date is None or period["from"] <= date:
                value = period["value"]
        return value

    def values(self, *path: str) -> list[Any]:
        """The value of a parameter in each of its periods, the oldest first."""
        return [period["value"] for period in self._periods(*path)]

    def dates_of_change(self) -> list[str]:
        """The dates on which a value changes, each with the day before it, in 1900 to 2099."""
        starts = {period["from"] for path in paths(self._parameters) for period in self._periods(*path)}
        starts |= set(self.values("outpatient_pt", "effective_date"))
        return sorted(starts | {day_before(start) for start in starts if start > "1900-01-01"})

    def _periods(self, *path: str) -> list[dict[str, Any]]:
        parameter: Any = self._parameters
        for name in path:
            parameter = parameter[name]
        return sorted(parameter["periods"], key=lambda period: str(period["from"]))


def paths(parameters: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if "periods" in parameters:
        return [above]
    return [path for name, inner in parameters.items() for path in paths(inner, (*above, name))]


def day_before(date: str) -> str:
    return str(datetime.date.fromisoformat(date) - datetime.timedelta(days=1))


POLICY = PolicyInForce.read()
