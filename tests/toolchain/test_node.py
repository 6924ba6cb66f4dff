"""The npm packages of the review: installed once, the same everywhere, with a clear error if they are unavailable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from therapy_policy import ReviewToolsNotAvailable
from therapy_policy.toolchain.node import NODE_PACKAGE, PROJECT, installed, render_svg

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The reported steps, on a machine with an empty cache and no registry."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", NOWHERE)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return []


def test_the_lock_file_pins_all_and_names_no_registry() -> None:
    lock = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert len(packages) >= 3
    for entry in packages:
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry
    declared = json.loads((PROJECT / "package.json").read_text(encoding="utf-8"))
    for name, version in (declared["dependencies"] | declared["devDependencies"]).items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version


def test_it_is_installed_once() -> None:
    modules = installed()
    assert (modules / "@open-policy-agent/opa-wasm/package.json").is_file()
    assert (modules / "@viz-js/viz/package.json").is_file()
    told: list[str] = []
    assert installed(told.append) == modules
    assert told == []


def test_a_graph_renders_the_same_each_time() -> None:
    dot = 'digraph { rankdir=LR; referral -> "évaluation <1>" [label="authorized"] }'
    svg = render_svg(dot)
    assert "évaluation &lt;1&gt;" in svg
    assert svg == render_svg(dot)


def test_text_that_is_not_a_graph() -> None:
    with pytest.raises(ValueError, match="syntax error in line 1"):
        render_svg("digraph {")


def test_no_registry(steps: list[str], tmp_path: Path) -> None:
    with pytest.raises(ReviewToolsNotAvailable, match="Install Node") as raised:
        installed(steps.append)
    assert "npm ci failed" in str(raised.value)
    assert not list(tmp_path.glob("therapy-policy/*"))


def test_no_node(steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReviewToolsNotAvailable, match="Install Node"):
        installed(steps.append)
    assert NODE_PACKAGE.requirement in steps[0]
    assert not [path for path in tmp_path.glob("therapy-policy/*") if not path.name.startswith(".partial")]


def test_an_old_node_is_rejected(steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v16.20.2\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReviewToolsNotAvailable):
        installed(steps.append)
    assert "Node.js 16.20.2" in steps[0]
