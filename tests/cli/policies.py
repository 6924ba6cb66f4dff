"""Copies of the policy as it is on one day, so that tests of changes do not depend on what comes into force later."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.cli.command import ROOT
from therapy_policy.policy.check import ceiling_for_rules

PARAMETERS = "therapy/parameters/data.yaml"
DAY = "2026-12-01"


def policy_of_the_day(target: Path) -> Path:
    """Copy the policies, without the periods of parameters that begin after `DAY`. Return the copy."""
    shutil.copytree(ROOT / "policies", target)
    change_data(target / PARAMETERS, drop_later_periods)
    ceiling_of_the_day(target)
    return target


def ceiling_of_the_day(policies: Path) -> None:
    """Remove the procedure codes that no period lists through `DAY` from the ceiling, and write what is made of it."""
    parameters = yaml.safe_load((policies / PARAMETERS).read_text(encoding="utf-8"))
    drop_later_periods(parameters)
    codes = {code for period in parameters["pediatric_ot"]["procedure_codes"]["periods"] for code in period["value"]}
    file = policies / "ceiling.yaml"
    text = file.read_text(encoding="utf-8")
    for code in yaml.safe_load(text)["procedure_codes"].keys() - codes:
        text = re.sub(rf'(?m)^  "{code}": .*\n', "", text)
    file.write_text(text, encoding="utf-8")
    write_ceiling_for_rules(policies)


def write_ceiling_for_rules(policies: Path) -> None:
    """Write the file that the rules read from ceiling.yaml, as `make generate` does."""
    limits = ceiling_for_rules(yaml.safe_load((policies / "ceiling.yaml").read_text(encoding="utf-8")))
    (policies / "therapy/ceiling/data.json").write_text(json.dumps(limits, indent=1) + "\n", encoding="utf-8")


def change_data(file: Path, change: Callable[[Any], None]) -> None:
    """Change the data of a YAML file in place."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(data)
    file.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")


def drop_later_periods(tree: Any) -> None:
    for name, entry in tree.items():
        if name == "periods":
            tree[name] = [period for period in entry if period["from"] <= DAY]
        elif isinstance(entry, dict):
            drop_later_periods(entry)
