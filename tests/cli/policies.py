"""Copies of the policy as it is on one day, so that tests of changes do not depend on what comes into force later."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.cli.command import ROOT

PARAMETERS = "therapy/parameters/data.yaml"
DAY = "2026-12-01"


def policy_of_the_day(target: Path) -> Path:
    """Copy the policies, without the periods of parameters that begin after `DAY`. Return the copy."""
    shutil.copytree(ROOT / "policies", target)
    change_data(target / PARAMETERS, drop_later_periods)
    return target


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
