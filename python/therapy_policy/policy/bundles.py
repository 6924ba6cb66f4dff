"""Bundles of the policy: the one of this package, and others that a command is pointed at.

A bundle is named as a person would name it: a bundle file (.tar.gz), a directory of policies (or one that holds
`policies/`), or a revision of the git repository that one is in. What is not compiled yet, `opa build` compiles; it may
use nothing of OPA that depends on the network, a clock or chance.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from therapy_policy.client.embedded import EmbeddedClient
from therapy_policy.errors import BundleNotUsable
from therapy_policy.files import packaged_file
from therapy_policy.policy.rego import Rego, opa_binary, read_rego

ENTRY_POINTS = ("therapy/decision", "therapy/decisions")


@dataclass(frozen=True)
class Bundle:
    """A compiled bundle. `name` is what the person called it; `archive` is the bundle file as OPA reads it."""

    name: str
    archive: bytes
    wasm: bytes

    @cached_property
    def _files(self) -> dict[str, bytes]:
        return _members(self.archive)

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each page of Rego, without tests, by its path in the bundle, as in `therapy/decision.rego`."""
        pages = {path: text.decode() for path, text in sorted(self._files.items()) if path.endswith(".rego")}
        return {path: text for path, text in pages.items() if not path.endswith("_test.rego")}

    @cached_property
    def data(self) -> dict[str, Any]:
        """The parameters, registers and tables: the document below `data` without the rules."""
        data: dict[str, Any] = json.loads(self._files["data.json"])
        return data

    @property
    def version(self) -> str:
        """The version that the policy says it has."""
        return str(self.data["therapy"]["register"]["policy"]["version"])

    @cached_property
    def rego(self) -> Rego:
        """The pages and rules of the bundle.

        Raises `OpaNotAvailable`.
        """
        return read_rego(self.texts)

    def client(self) -> EmbeddedClient:
        """An embedded engine that decides by this bundle."""
        return EmbeddedClient(self.wasm, json.dumps(self.data).encode())


def packaged_bundle() -> Bundle:
    """The bundle that this package ships."""
    archive, wasm = packaged_file("bundle.tar.gz"), packaged_file("policy.wasm")
    return Bundle("this package", archive.read_bytes(), wasm.read_bytes())


def load(name: str) -> Bundle:
    """The bundle that a person means by a file, a directory or a git revision; it takes a few seconds to compile.

    Raises `BundleNotUsable` if there is none or it does not compile, `OpaNotAvailable` if there is no OPA.
    """
    if not name:
        raise BundleNotUsable("A bundle is named by a file, a directory or a git revision, and this name is empty")
    path = Path(name)
    if path.is_dir():
        return _of_directory(name, path / "policies" if (path / "policies").is_dir() else path)
    if path.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            return _built(name, path.resolve(), Path(scratch))
    with _checked_out(name) as policies:
        return _of_directory(name, policies)


def build(source: Path | str, where: Path, output: Path, *options: str, name: str = "policies") -> None:
    """Build a bundle out of a bundle file, or out of a directory relative to `where`, into the file `output`.

    The names of files in a bundle come from the working directory: building in it keeps paths of the machine out.

    Raises `BundleNotUsable` if it does not compile, `OpaNotAvailable`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        capabilities = Path(scratch) / "capabilities.json"
        capabilities.write_text(json.dumps(_without_surprises()), encoding="utf-8")
        entry_points = [option for each in ENTRY_POINTS for option in ("--entrypoint", each)]
        command: list[str | Path] = [
            "build",
            "--bundle",
            "--ignore",
            "*_test.rego",
            "--capabilities",
            capabilities,
            *entry_points,
        ]
        _opa(*command, *options, "--output", output, source, where=where, name=name)


@cache
def _without_surprises() -> dict[str, Any]:
    """What the policy may use of OPA: nothing that depends on the network, a clock or chance."""
    capabilities: dict[str, Any] = json.loads(_opa("capabilities", "--current", where=Path(), name="OPA"))
    capabilities["builtins"] = [each for each in capabilities["builtins"] if not each.get("nondeterministic")]
    capabilities["allow_net"] = []
    return capabilities


def _opa(*arguments: str | Path, where: Path, name: str) -> bytes:
    done = subprocess.run([opa_binary(), *arguments], cwd=where, capture_output=True)
    if done.returncode:
        problem = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise BundleNotUsable(f"{name} is no bundle that OPA can use:\n{problem}")
    return done.stdout


def _of_directory(name: str, policies: Path) -> Bundle:
    if not (policies / "therapy").is_dir():
        raise BundleNotUsable(f"{name} has no directory `therapy` of policies; name the directory `policies` of one")
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "bundle.tar.gz"
        build(".", policies, archive, name=name)
        return _built(name, archive, Path(scratch))


def _built(name: str, archive: Path, scratch: Path) -> Bundle:
    compiled = scratch / "compiled.tar.gz"
    build(archive, scratch, compiled, "--target", "wasm", name=name)
    bundle = Bundle(name, archive.read_bytes(), _members(compiled.read_bytes())["policy.wasm"])
    try:
        bundle.version  # noqa: B018
    except (KeyError, TypeError):
        raise BundleNotUsable(f"{name} is a bundle of another policy: it names no version of this one") from None
    return bundle


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True)


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """The directory `policies` as it was at a git revision."""
    try:
        # The commit is asked for first: a name that begins with a dash would be an option of git.
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        archive = (
            commit if commit.returncode else _git("archive", "--format=tar", commit.stdout.decode().strip(), "policies")
        )
    except FileNotFoundError:
        raise BundleNotUsable(f"There is no file or directory {revision}, and no git to look for a revision") from None
    if archive.returncode:
        raise BundleNotUsable(
            f"{revision} is no bundle file and no directory, and there is no git revision of that name with `policies/`"
        )
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(scratch, filter="data")
        yield Path(scratch) / "policies"


def _members(archive: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            if (content := files.extractfile(member)) is not None:
                found[member.name.lstrip("/")] = content.read()
    return found
