"""Bundles of the policy: the one in this package, and others that a person names.

A name is a bundle file (.tar.gz), a directory of policies (or one that contains `policies/`), the version of a
release, or a revision of the current git repository. `opa build` compiles what is not compiled yet, and allows only
deterministic capabilities: nothing that depends on the network, a clock or chance.

A bundle has the pages as people wrote them, for everyone who reads, compares or signs it. Only what `serve` gives to
OPA has the page of usable values evaluated, which depends on the policy's data alone.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from therapy_policy.client.embedded import EmbeddedClient
from therapy_policy.errors import (
    BundleNotUsable,
    BundleNotVerified,
    FileNotUsable,
    PolicyNotUsable,
    ReleaseNotUsable,
)
from therapy_policy.files import packaged_file
from therapy_policy.policy.archives import files_in, unpacked
from therapy_policy.policy.check import Finding, check_bundle, check_directory
from therapy_policy.policy.digest import (
    digest_of_everything,
    digest_of_what_decides,
    revision,
    sha256_of,
    without_comments,
)
from therapy_policy.policy.rego import Rego, deterministic_capabilities, read_rego, run_opa
from therapy_policy.policy.releases import FOLDER, Release, commits_of, is_version, read_release, version_number
from therapy_policy.policy.signatures import ALGORITHMS, Verification, is_signed, read_key, verified_files

# The entry points of every policy. OPA adds those that the METADATA of a rule names: since policy 2.1.0, therapy/answer
# and therapy/answers.
ENTRY_POINTS = ("therapy/decision", "therapy/decisions")
# The page that `archive_for_opa` evaluates; policies before 2.1.0 do not have it.
USABLE_VALUES = "therapy/usable_values.rego"

# SHA-256 of the policies for the sidecar itself that `serve` runs, by the version of the policy that brought them. With
# all of them a sidecar opens and logs decisions in the same way. Since 2.1.0 it does so with answers, which stay closed
# before. The last one is that of this package.
SYSTEM_POLICIES = {
    "2.0.2": "6918f531219ff1f056e83a57b1ceb3a3070e53c909cefc854026512188d6bab2",
    "2.0.3": "c5ee73ce36349a46bf3038dca871edaff1c5f45ca9772ec406e8867f0ba65d55",
    "2.1.0": "44093df040df4c3eb4b909872e6d8129dcb7c8f8d004a35bbfeec77d18e22c21",
    "2.2.0": "a7df0bf69edcf4fa1ea51c0d2f1516dda1d167f61d82d14b492d1cd28efb8052",
}


@dataclass(frozen=True)
class Bundle:
    """A compiled bundle. `name` is the name that the person gave; `archive` is the bundle file as OPA reads it."""

    name: str
    archive: bytes
    wasm: bytes

    @cached_property
    def _files(self) -> dict[str, bytes]:
        return files_in(self.archive, self.name)

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each Rego page, without tests, by its path in the bundle, such as `therapy/decision.rego`."""
        pages = {path: text.decode() for path, text in sorted(self._files.items()) if path.endswith(".rego")}
        return {path: text for path, text in pages.items() if not path.endswith("_test.rego")}

    @cached_property
    def data(self) -> dict[str, Any]:
        """The parameters, registers and tables: the document `data` without the rules."""
        data: dict[str, Any] = json.loads(self._files["data.json"])
        return data

    @property
    def version(self) -> str:
        """The version of the policy, from its register."""
        return str(self.data["therapy"]["register"]["policy"]["version"])

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of what decides, as 64 hex digits: new wording does not change it."""
        return digest_of_what_decides(self.texts, self.data)

    @cached_property
    def digest_of_everything(self) -> str:
        """The SHA-256 of the rules, numbers and words, as 64 hex digits."""
        return digest_of_everything(self.texts, self.data)

    @property
    def revision(self) -> str:
        """The version and 12 digits of the digest of what decides, as a decision log shows them."""
        return revision(self.version, self.digest)

    @cached_property
    def rego(self) -> Rego:
        """The pages and rules of the bundle.

        Raises `OpaNotAvailable`.
        """
        return read_rego(self.texts)

    def archive_for_opa(self) -> bytes:
        """Return the bundle file from which OPA decides.

        Its manifest has `revision`, which puts it into each entry of a decision log. The page of usable values is
        evaluated: data with its result take its place.

        Raises `BundleNotUsable` and `OpaNotAvailable`.
        """
        files = dict(self._files)
        if files.pop(USABLE_VALUES, None):
            with unpacked(self._files) as directory:
                query = ("eval", "--bundle", ".", "--format", "raw", "data.therapy.usable_values")
                files["therapy/usable_values/data.json"] = run_opa(*query, where=directory, name=self.name)
        return _rebuilt(self.name, files, "--revision", self.revision)

    def signed(self, key: Path, key_id: str, scope: str | None = None) -> bytes:
        """Return the bundle file with a signature by a private key, which is a file in PEM format (RSA or P-256).

        Raises `FileNotUsable` if the key cannot be used, and `OpaNotAvailable`.
        """
        if "PRIVATE KEY-----" not in read_key(key):
            raise FileNotUsable(f"{key} is not a private key. Give a file with -----BEGIN PRIVATE KEY-----.")
        claims = {"keyid": key_id} | ({"scope": scope} if scope else {})
        options = ["--revision", self.revision, "--signing-key", str(key.resolve())]
        with unpacked({"claims.json": json.dumps(claims).encode()}) as directory:
            options += ["--claims-file", str(directory / "claims.json")]
            # The key fits one of them.
            for algorithm in ALGORITHMS:
                with suppress(BundleNotUsable):
                    return _rebuilt(self.name, self._files, *options, "--signing-alg", algorithm)
        raise FileNotUsable(
            f"{key} cannot sign. Give a private key without a passphrase: RSA, or the elliptic curve P-256."
        )

    def client(self) -> EmbeddedClient:
        """Create an embedded client that decides by this bundle, which `load` has checked.

        Raises `EngineNotAvailable`.
        """
        return EmbeddedClient(self.wasm, json.dumps(self.data).encode(), checked=False)


def packaged_bundle() -> Bundle:
    """Return the bundle that this package ships."""
    archive, wasm = packaged_file("bundle.tar.gz"), packaged_file("policy.wasm")
    return Bundle("this package", archive.read_bytes(), wasm.read_bytes())


def load(name: str, *, checked: bool = True, verification: Verification | None = None) -> Bundle:
    """Load and compile the bundle that a file, a directory, a release or a git revision names, in a few seconds.

    `checked` is False only for tests of what an unusable policy decides, and to read what no decision depends on. With
    `verification`, `name` must be a bundle file that is signed.

    Raises `BundleNotUsable` if it does not exist or does not compile, `BundleNotVerified` if it is not signed as
    `verification` demands, `PolicyNotUsable` if `check` has findings about it, `ReleaseNotUsable` if the record of the
    release and its policy differ, `OpaNotAvailable` if OPA is unavailable.
    """
    if not name:
        raise BundleNotUsable(
            "The name of the bundle is empty. Give a bundle file, a directory, a release or a git revision."
        )
    path = Path(name)
    if verification is not None:
        if not path.is_file():
            raise BundleNotVerified(f"{name} is not a bundle file. Only a bundle file can have a signature to verify.")
        return load_signed(name, path.read_bytes(), verification)
    if path.is_dir():
        return _load_directory(name, policies_in(path), checked=checked)
    if path.is_file():
        if is_signed(name, path.read_bytes()):
            raise BundleNotVerified(
                f"{name} is signed, and there is no key to verify it with. Give --verification-key KEYID=FILE, or name "
                "the policy that it was made from."
            )
        with tempfile.TemporaryDirectory() as scratch:
            bundle = _load_archive(name, path.resolve(), Path(scratch))
        if checked and (findings := check_bundle(bundle)):
            raise PolicyNotUsable(name, findings)
        return bundle
    root = directory_of_records(".")
    if root and is_version(name) and (record := root / FOLDER / f"{name}.yaml").is_file():
        return load_release(read_release(record), root)
    with _checkout(name) as policies:
        return _load_directory(name, policies, checked=checked, shown=f"{name}:policies")


def load_signed(name: str, archive: bytes, verification: Verification, *, compiled: bool = True) -> Bundle:
    """Load a signed bundle file, and compile it unless `compiled` is False. The result has no signature any more.

    `name` is its name in messages.

    Raises `BundleNotVerified`, `PolicyNotUsable`, `BundleNotUsable` if it is not a bundle of this policy, and
    `OpaNotAvailable`.
    """
    files = verified_files(name, archive, verification)
    with unpacked({"bundle.tar.gz": _rebuilt(name, files)}) as scratch:
        bundle = _load_archive(name, scratch / "bundle.tar.gz", scratch, compiled=compiled)
    if findings := check_bundle(bundle):
        raise PolicyNotUsable(name, findings)
    least = verification.at_least_version
    if least and version_number(bundle.version) < version_number(least):
        raise BundleNotVerified(f"{name} has the policy {bundle.version}, which is older than {least}.")
    return bundle


def check(name: str | None) -> list[Finding]:
    """List everything in a directory of policies or in a bundle file that cannot be used; default: ./policies.

    Raises `BundleNotUsable` if there is no such policy or it does not compile, `OpaNotAvailable` if OPA is unavailable.
    """
    path = Path(name or "policies")
    if path.is_dir():
        return check_directory(policies_in(path))
    if name and path.is_file():
        return check_bundle(load(name, checked=False))
    where = f"{name} is not a directory or a bundle file." if name else "There is no directory `policies` here."
    raise BundleNotUsable(f"{where} Give the directory of the policies, for example: therapy-policy check ../policies")


def check_system_policies(policy: Bundle) -> None:
    """Raise `BundleNotUsable` unless a bundle opens and logs what this package does, or did in `SYSTEM_POLICIES`.

    Every page in a package `system` counts, wherever its file is. Comments may differ.

    Raises `OpaNotAvailable`.
    """
    theirs, ours = system_pages(policy), system_pages(packaged_bundle())
    different = []
    if sha256_of(theirs) not in SYSTEM_POLICIES.values():
        different = sorted(file for file in theirs | ours if theirs.get(file) != ours.get(file))
    if "system" in policy.data:
        different.append("data.system")
    if different:
        raise BundleNotUsable(
            f"The bundle has other policies for the sidecar itself than this program ({', '.join(different)}), so it "
            f"could log requests in clear, or open everything. Build it with the directory policies/system of "
            f"therapy-policy {metadata.version('therapy-policy')}, or run it with the program that it was built for."
        )


def system_pages(policy: Bundle) -> dict[str, list[str]]:
    """Return the lines, without comments, of each page for the sidecar itself, by its path in the bundle."""
    pages = (page.file for page in policy.rego.pages if page.package[0] == "system")
    return {file: without_comments(policy.texts[file]) for file in pages}


def load_uncompiled(name: str) -> Bundle:
    """Load a directory of policies that `check` has passed, without the compiled policy, which takes longer.

    Raises `BundleNotUsable` if it does not compile, `OpaNotAvailable` if OPA is unavailable.
    """
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "bundle.tar.gz"
        build(".", policies_in(Path(name)), archive, name=name)
        return Bundle(name, archive.read_bytes(), b"")


def policies_in(path: Path) -> Path:
    """Return the directory of policies that a directory contains, or the directory itself."""
    return path / "policies" if (path / "policies").is_dir() else path


def load_release(release: Release, root: Path) -> Bundle:
    """Load and compile the policy of a release from the git checkout that has its record, and compare the digest.

    `root` is the directory that contains `releases/`.

    Raises `ReleaseNotUsable` if no commit has that policy, and `OpaNotAvailable`.
    """
    for commit in commits_of(release, root):
        try:
            with _checkout(commit, root) as policies:
                bundle = _load_directory(release.version, policies, checked=False)
        except BundleNotUsable:
            continue
        if bundle.digest_of_everything == release.text_digest:
            return bundle
    raise ReleaseNotUsable(
        f"The policy of release {release.version} was not found: no known commit has policies/ with the digest in "
        f"{FOLDER}/{release.version}.yaml. Fetch the whole history (git fetch --unshallow) or, if the policy is in "
        "another commit, write that commit as `git_revision` in the record."
    )


def directory_of_records(name: str | None) -> Path | None:
    """Return the directory that has the records beside a policy: releases/, sign-offs/, reviewers.yaml and others.

    `name` is the name of the policy as in `load`, or None for the bundle of this package. Returns None if it is not a
    directory of policies: only that, and this package in a checkout, have records.
    """
    policies = Path(__file__).parents[3] / "policies" if name is None else policies_in(Path(name).resolve())
    return policies.parent if (policies / "therapy").is_dir() else None


def build(source: Path | str, where: Path, output: Path, *options: str, name: str = "policies") -> None:
    """Build a bundle from a bundle file, or from a directory relative to `where`, into the file `output`.

    `options` are further options of `opa build`; `name` is the name of the source in error messages. OPA runs in
    `where`, so that the bundle contains paths relative to it and none of this machine.

    Raises `BundleNotUsable` if the source does not compile, and `OpaNotAvailable`.
    """
    with deterministic_capabilities() as capabilities:
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
        run_opa(*command, *options, "--output", output, source, where=where, name=name)


def _load_directory(name: str, policies: Path, *, checked: bool, shown: str | None = None) -> Bundle:
    if not (policies / "therapy").is_dir():
        raise BundleNotUsable(
            f"{name} has no directory `therapy` of policies. Give the directory `policies` that contains it."
        )
    if checked and (findings := check_directory(policies, name=shown)):
        raise PolicyNotUsable(name, findings)
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "bundle.tar.gz"
        build(".", policies, archive, name=name)
        return _load_archive(name, archive, Path(scratch))


def _rebuilt(name: str, files: Mapping[str, bytes], *options: str) -> bytes:
    """Build a bundle file from its files, with further options of `opa build`."""
    with unpacked(files) as directory, unpacked({}) as scratch:
        build(".", directory, scratch / "bundle.tar.gz", *options, name=name)
        return (scratch / "bundle.tar.gz").read_bytes()


def _load_archive(name: str, archive: Path, scratch: Path, *, compiled: bool = True) -> Bundle:
    wasm = b""
    if compiled:
        output = scratch / "compiled.tar.gz"
        build(archive, scratch, output, "--target", "wasm", name=name)
        wasm = files_in(output.read_bytes())["policy.wasm"]
    bundle = Bundle(name, archive.read_bytes(), wasm)
    try:
        bundle.version  # noqa: B018
    except (KeyError, TypeError):
        raise BundleNotUsable(
            f"{name} is a bundle of another policy: it has no version of this one. Give a bundle of this policy."
        ) from None
    if "usable_values" in bundle.data["therapy"]:
        raise BundleNotUsable(
            f"{name} was made for the sidecar alone, and does not decide by the numbers that a person reads in it. "
            "Give the bundle that it was made from."
        )
    return bundle


def _git(*arguments: str, where: Path = Path()) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=where, capture_output=True)


@contextmanager
def _checkout(revision: str, where: Path = Path()) -> Iterator[Path]:
    """Yield the directory `policies` of a git revision, in a temporary place; `where` is in the git checkout."""
    try:
        # Resolve the commit first: git would take a name that begins with a dash for an option.
        commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", where=where)
        archive = (
            commit
            if commit.returncode
            else _git("archive", "--format=tar", commit.stdout.decode().strip(), "policies", where=where)
        )
    except FileNotFoundError:
        raise BundleNotUsable(
            f"{revision} is not a file or directory, and git is not installed to look for a revision. "
            "Install git, or give a file."
        ) from None
    if archive.returncode:
        raise BundleNotUsable(
            f"{revision} is not a bundle file or a directory, and not a release or a git revision with `policies/` "
            "that is known here. A release or a revision can only be named inside the repository of the policies, with "
            "its git history. A bundle file (.tar.gz) works everywhere."
        )
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(scratch, filter="data")
        yield Path(scratch) / "policies"
