"""What the README and the guides show is true: the request and its decision, the links, and the commands."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

from therapy_policy import EmbeddedClient
from therapy_policy.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "policies/CHANGELOG.md", "proof/README.md"]
PAGES += ["deploy/README.md"]
PAGES += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))
FENCED = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def differences(excerpt: Any, whole: Any, path: str = "") -> list[str]:
    """Where an excerpt differs from the whole: an object may leave out fields, a list may leave out nothing."""
    if isinstance(excerpt, dict) and isinstance(whole, dict):
        found = [f"{path}/{name}: not a field" for name in excerpt.keys() - whole.keys()]
        common = excerpt.keys() & whole.keys()
        return found + [each for name in common for each in differences(excerpt[name], whole[name], f"{path}/{name}")]
    if isinstance(excerpt, list) and isinstance(whole, list) and len(excerpt) == len(whole):
        elements = enumerate(zip(excerpt, whole, strict=True))
        return [each for at, (one, other) in elements for each in differences(one, other, f"{path}/{at}")]
    return [] if excerpt == whole else [f"{path}: {excerpt!r} is really {whole!r}"]


def test_an_excerpt_is_compared() -> None:
    whole = {"a": [{"b": 1, "c": 2}, {"b": 3}], "d": None}
    assert differences({"a": [{"b": 1}, {"b": 3}]}, whole) == []
    assert differences({"a": [{"b": 2}, {"b": 3}]}, whole) == ["/a/0/b: 2 is really 1"]
    assert differences({"a": [{"b": 1}], "e": 1}, whole) == [
        "/e: not a field",
        "/a: [{'b': 1}] is really [{'b': 1, 'c': 2}, {'b': 3}]",
    ]


def test_the_request_gets_the_decision_that_is_shown() -> None:
    request, excerpt = map(json.loads, re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    with EmbeddedClient() as client:
        decision = client.decide(request)
    assert {"outcome", "authorized", "reasons"} <= excerpt.keys()
    assert differences(excerpt, decision) == []


def test_the_claim_gets_the_standard_answer_that_is_shown() -> None:
    section = text_of("docs/engineers.md").split("\n## The standard answer\n")[1].split("\n## ")[0]
    (excerpt,) = map(json.loads, re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    (example,) = re.findall(r"^\$ therapy-policy answer (\S+)$", section, re.MULTILINE)
    with EmbeddedClient() as client:
        answer = client.answer_text(text_of(example))["answer"]
    assert {"action", "granted", "lines"} <= excerpt.keys()
    assert differences(excerpt, answer) == []
    shown = {
        name for names in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", names)
    }
    assert shown == answer.keys()


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def slugs(page: str) -> list[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain]


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", text_of(page)))
    broken = []
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        if not path.exists() or (anchor and anchor not in slugs(str(path.relative_to(ROOT)))):
            broken.append(target)
    assert broken == []


def code_of(page: str) -> list[str]:
    """The code of a page: spans of one line, and the lines of code blocks."""
    text = text_of(page)
    return [
        *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", FENCED.sub("", text)),
        *(line for block in FENCED.finditer(text) for line in block[0].splitlines()),
    ]


MADE = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
COMMANDS: dict[str, typer.core.TyperCommand] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: str) -> None:
    named = {target for code in code_of(page) for target in re.findall(r"(?:^|[$\s])make ([a-z][a-z-]*)", code)}
    assert named - MADE == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_its_options_exist(page: str) -> None:
    for code in code_of(page):
        words = re.sub(r"#.*", "", code).split()
        for before, word in pairwise(words):
            if before.endswith("therapy-policy") and re.fullmatch("[a-z][a-z-]*", word):
                assert word in COMMANDS, code
                group = getattr(COMMANDS[word], "commands", {})
                named = [COMMANDS[word], *(group[each] for each in words if each in group)]
                known = {option for command in named for parameter in command.params for option in parameter.opts}
                assert {each for each in words if each.startswith("--")} <= known, code


def test_every_command_is_in_the_guide_for_engineers() -> None:
    shown = {
        words[1] for words in (code.split() for code in code_of("docs/engineers.md")) if words[:1] == ["therapy-policy"]
    }
    assert COMMANDS.keys() <= shown


def test_every_exception_has_its_exit_status_in_the_guide_for_engineers() -> None:
    from therapy_policy import errors

    rows = [line for line in text_of("docs/engineers.md").splitlines() if line.startswith("| `")]
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.TherapyPolicyError) and not error.__subclasses__():
            assert any(f"`{name}`" in row and row.endswith(f"| {error.exit_status} |") for row in rows), name
