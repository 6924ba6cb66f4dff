"""The commands of docs/interoperability.md print what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.command import EXAMPLES, ROOT, environment
from tests.running import free_port

PAGE = (ROOT / "docs/interoperability.md").read_text(encoding="utf-8")


def commands() -> list[tuple[str, str]]:
    """Each command of the page, in order, and the output that is shown below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = re.sub(r"\\\n *", "", text).partition("\n")
            found.append((command, output))
    return found


def test_the_commands_print_what_is_shown(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (csv,) = re.findall(r"^```csv\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "received.csv").write_text(csv, encoding="utf-8")
    (script,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "submit.sh").write_text(script.replace("8383", str(free_port())), encoding="utf-8")
    # The script ends the service by its process ID, which is that of the command, not of a shell function.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert len(commands()) == 10
    for command, output in commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment(PATH=path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        if output:
            assert done.stdout.rstrip() == output.rstrip(), command
        else:
            assert done.returncode == 0, done.stdout
