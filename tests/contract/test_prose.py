"""The word list finds what it should in every kind of file, names the line, and leaves good sentences alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tools.prose import ROOT, STYLES, Finding, check

RULES = yaml.safe_load((STYLES / "words.yaml").read_text(encoding="utf-8"))["rules"]


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What is found in the examples of all rules, by example, in one run of the linter."""
    files = {f"{at} {which}.md": f"{rule[which]}\n" for at, rule in enumerate(RULES) for which in ("bad", "good")}
    found: dict[str, list[str]] = {name: [] for name in files}
    for each in check(files):
        found[each.path].append(each.write)
    return found


@pytest.mark.parametrize(("at", "rule"), list(enumerate(RULES)), ids=[rule["bad"] for rule in RULES])
def test_each_rule(found: dict[str, list[str]], at: int, rule: dict[str, str]) -> None:
    bad = found[f"{at} bad.md"]
    assert rule["expected"] in bad or ("$" in rule["expected"] and len(bad) == 1)
    assert found[f"{at} good.md"] == []


VERB = "rests"  # apart from its preposition, so that this file passes

# A file of each kind, with one phrase to find, on line 4.
KINDS = [
    ("a.md", "# Title\n\nA paragraph that\nVERB\non a clause.\n"),
    ("a.md", "```console\nVERB on\n```\n| it VERB on | `VERB on` |\n"),
    ("a.py", 'x = "VERB_on"\n"""A summary.\n\nIt VERB on a clause.\n"""\n'),
    ("a.py", "x = 1\ny = 2\n# What\n# it VERB\n# on.\n"),
    ("a.py", 'print(\n    "the"\n    f"{x} é "\n    f"decision {y} VERB on {z}"\n)\n'),
    ("a.rego", '# METADATA\n# title: A title\n#\n# It VERB on a clause.\nx := "a b"\n'),
    ("a.rego", 'package a\n\n\nx := sprintf("%s VERB on %s", [y, "z"])\n'),
    ("a.yaml", "# a comment\nx: y\n\nmessage: It VERB on a clause.\n"),
    ("a.yaml", "x: y\nmessage: >-\n  A sentence that\n  VERB on a clause.\n"),
    ("a.yaml", "x: y\n\n\nz: w  # this VERB on a clause\n"),
    ("a.yaml", "x: 'VERB on := true'\ny: z\n\nmessage: It VERB on a clause.\n"),
    ("a.json", '{\n"title": "x y",\n"pattern": "a VERB on b",\n"description": "It VERB on a clause."\n}\n'),
    ("a.html", "<p>\n{% if x %}\n\nIt <em>VERB</em> on {{ y }}</p>\n"),
    ("a.html", '\n\n\n{% set heads = ["Clause", "What it VERB on"] %}\n'),
    ("a.html", '\n\n\n<a aria-label="It VERB on this" href="VERB on">x</a>\n'),
    ("a.js", "let x;\n\n\nconst text = `The ${x} VERB on ${y}`;\n"),
    ("a.js", "let x;\n\n// What is\n// it VERB on?\n"),
    ("a.css", '\n\n/* a */\np::before { content: "It VERB on"; }\n'),
    ("Makefile", "\n\n\nx: y  ## what it VERB on\n"),
]


@pytest.fixture(scope="module")
def found_by_kind() -> list[Finding]:
    return check({f"{at}/{path}": text.replace("VERB", VERB) for at, (path, text) in enumerate(KINDS)})


@pytest.mark.parametrize("at", range(len(KINDS)), ids=[f"{path}: {text}" for path, text in KINDS])
def test_each_kind_of_file(found_by_kind: list[Finding], at: int) -> None:
    found = [(each.line, each.phrase) for each in found_by_kind if each.path == f"{at}/{KINDS[at][0]}"]
    assert found == [(4, f"{VERB} on")]


def test_the_command_names_file_and_line() -> None:
    path = "styles/words.yaml"
    done = subprocess.run([sys.executable, "-m", "tools.prose", path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    line = next(
        n for n, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1) if "bad: A line" in line
    )
    assert str(Finding(path, line, "is no", RULES[0]["expected"])) in done.stdout.splitlines()
