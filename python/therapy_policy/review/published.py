"""A copy of the review to hand on: one zip file, whose index.html opens after unpacking."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from therapy_policy.errors import OutputNotUsable

FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can have; every file gets it
READABLE = 0o644 << 16


def as_zip(files: Mapping[str, bytes], folder: str) -> bytes:
    """Return the files in a folder of a zip file: the same bytes for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{name}", FIRST_DAY)
            entry.create_system, entry.external_attr = 3, READABLE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return content.getvalue()


def write_zip(site: Path, version: str, output: Path) -> None:
    """Write the site in a directory as a zip file; it unpacks into a folder with the version in its name.

    Raises `OutputNotUsable` if the file cannot be written.
    """
    files = {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    try:
        output.write_bytes(as_zip(files, f"therapy-policy-{version}-review"))
    except OSError as problem:
        raise OutputNotUsable(f"{output} cannot be written: {problem.strerror}; choose another file") from None
