"""The directory that the review is written into: what it may replace, and replacing it at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from therapy_policy import nesting
from therapy_policy.errors import OutputNotUsable

MARKER = "therapy-policy-review.json"  # in each review; it names the files of the review


def check_output(output: Path) -> None:
    """Raise `OutputNotUsable` if a review cannot be written there, or would replace other files."""
    output = output.resolve()
    if output == Path.cwd():
        raise OutputNotUsable(f"The output {output} is the current directory; name another directory for the site")
    above = next(parent for parent in output.parents if parent.exists())
    try:
        tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=above).cleanup()
    except OSError as problem:
        raise OutputNotUsable(
            f"The output {output} cannot be written in {above}: {problem.strerror}; choose another directory"
        ) from None
    if not output.exists():
        return
    if not output.is_dir():
        raise OutputNotUsable(f"{output} is a file; name a directory for the site")
    try:
        ours = set(nesting.loads((output / MARKER).read_text(encoding="utf-8"))["sha256"]) | {MARKER}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    names = (path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir())
    if foreign := next((name for name in names if name not in ours), None):
        raise OutputNotUsable(
            f"{output} contains {foreign}, which is not from an earlier review and would be lost; "
            "name an empty directory, or one that does not exist yet"
        )


def replace(output: Path, files: Mapping[str, bytes]) -> None:
    """Replace the content of a directory; an interrupted run leaves either the old files or the new ones."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        for name, content in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        if output.exists():
            os.rename(output, old)
        try:
            os.rename(new, output)
        except BaseException:
            if old.exists() and not output.exists():
                os.rename(old, output)
            raise
