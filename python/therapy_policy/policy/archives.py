"""Bundle files: read within limits, written to a directory, and packed."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from therapy_policy.errors import BundleNotUsable

SIGNATURES = ".signatures.json"
MAX_UNPACKED_BYTES = 64 << 20  # a bundle of this policy has less than 1 MiB


def files_in(archive: bytes, name: str = "The bundle") -> dict[str, bytes]:
    """Return the content of each file in a bundle file by its path, such as `therapy/decision.rego`.

    Raises `BundleNotUsable` if it is not a tar archive compressed with gzip, is larger than `MAX_UNPACKED_BYTES`, or
    contains anything but files and directories with distinct, plain paths. `name` is its name in the message.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(archive)) as stream:
            content = stream.read(MAX_UNPACKED_BYTES + 1)
        if len(content) > MAX_UNPACKED_BYTES:
            raise BundleNotUsable(f"{name} is too large: it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB.")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as entries:
            return _contents(entries, name)
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError):
        raise BundleNotUsable(
            f"{name} is not a bundle that OPA can use: it is not a tar archive compressed with gzip."
        ) from None


def _contents(entries: tarfile.TarFile, name: str) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    for entry in entries:
        if entry.isdir():
            continue
        path = str(PurePosixPath(entry.name.lstrip("/")))
        content = entries.extractfile(entry) if entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
        if content is None or path in contents or path == "." or ".." in path.split("/"):
            raise BundleNotUsable(
                f"{name} is not a bundle that OPA can use: one of its entries is a link, a duplicate, or outside of it."
            )
        contents[path] = content.read()
    return contents


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a bundle file with these files by their paths in it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, file in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(file)
            archive.addfile(entry, io.BytesIO(file))
    return gzip.compress(content.getvalue(), mtime=0)


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Yield a temporary directory with files by their paths in it.

    Raises `BundleNotUsable` if they cannot be written there.
    """
    with tempfile.TemporaryDirectory(prefix="therapy-policy-") as directory:
        try:
            for path, content in files.items():
                file = Path(directory) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or "it has an unusual path"
            raise BundleNotUsable(f"A file of the bundle cannot be unpacked: {reason}.") from None
        yield Path(directory)
