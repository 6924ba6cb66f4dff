"""Signed bundles: a bundle is used only if OPA accepts its signature by a key that the operator gave.

The format is OPA's own: `.signatures.json` in the bundle has one JSON Web Token with the SHA-256 of every file. OPA
makes and verifies it; there is no cryptography here. OPA does not compare the ID of the key that it is given with the
one in the token, so that happens here.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from therapy_policy.errors import BundleNotUsable, BundleNotVerified, FileNotUsable
from therapy_policy.nesting import loads
from therapy_policy.policy.archives import SIGNATURES, files_in, packed, unpacked
from therapy_policy.policy.rego import run_opa
from therapy_policy.policy.releases import version_number

# A token names its algorithm itself. Others, such as HS256, would take a public key for a secret.
ALGORITHMS = ("RS256", "ES256")


@dataclass(frozen=True)
class Verification:
    """What a bundle must be signed with.

    `keys` has the files of the public keys, in PEM format, by their IDs. A bundle signed by any of them is accepted.
    `scope` must be the scope that the bundle was signed with. A bundle with a version before `at_least_version`, such
    as "2.0.1", is rejected.

    Raises `FileNotUsable` if a key is not a readable public key.
    """

    keys: Mapping[str, Path]
    scope: str | None = None
    at_least_version: str | None = None

    def __post_init__(self) -> None:
        for file in self.keys.values():
            text = read_key(file)
            if "PRIVATE KEY" in text:
                raise FileNotUsable(f"{file} is a private key. Give the public key instead.")
            if "-----BEGIN PUBLIC KEY-----" not in text:
                raise FileNotUsable(f"{file} is not a public key. Give a file with -----BEGIN PUBLIC KEY-----.")

    def at_least(self, version: str | None) -> Verification:
        """Return the same, with a bundle rejected too if it is older than another version."""
        floors = [each for each in (self.at_least_version, version) if each]
        return replace(self, at_least_version=max(floors, key=version_number, default=None))


def read_key(file: Path) -> str:
    """Return the text of a key. Raises `FileNotUsable`."""
    try:
        return file.read_text(encoding="ascii")
    except OSError as problem:
        raise FileNotUsable(f"{file} cannot be read: {problem.strerror}. Give a key in PEM format.") from None
    except ValueError:
        raise FileNotUsable(f"{file} is not a key in PEM format.") from None


def is_signed(name: str, archive: bytes) -> bool:
    """Whether a bundle file has a signature, which may be wrong. Raises `BundleNotUsable`."""
    return SIGNATURES in files_in(archive, name)


def verified_files(name: str, archive: bytes, verification: Verification) -> dict[str, bytes]:
    """Return the files of a bundle file whose signature OPA accepts, without the signature.

    Raises `BundleNotVerified`, `BundleNotUsable` if it is not a bundle file, and `OpaNotAvailable`.
    """
    files = files_in(archive, name)
    if SIGNATURES not in files:
        raise BundleNotVerified(f"{name} is not signed. Sign it with `therapy-policy bundle sign`.")
    try:
        algorithm, key_id = _algorithm_and_key_id(files[SIGNATURES])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BundleNotVerified(f"{name} has a signature that cannot be read. Sign it again.") from None
    if algorithm not in ALGORITHMS:
        raise BundleNotVerified(f"{name} is not signed with {' or '.join(ALGORITHMS)}. Sign it again.")
    if key_id not in verification.keys:
        raise BundleNotVerified(
            f"{name} is signed with a key whose ID is not one of: {', '.join(sorted(verification.keys))}."
        )
    # OPA verifies the files that were read here, so that both see the same. It gets them as a file, because OPA 1.22
    # does not find the signature in a directory.
    with unpacked({"bundle.tar.gz": packed(files)}) as directory:
        output = directory / "verified.tar.gz"
        try:
            run_opa(
                "build",
                "--bundle",
                f"--verification-key={verification.keys[key_id].resolve()}",
                f"--verification-key-id={key_id}",
                f"--signing-alg={algorithm}",
                f"--scope={verification.scope or ''}",
                f"--output={output}",
                "bundle.tar.gz",
                where=directory,
                name=name,
            )
        except BundleNotUsable as problem:
            reason = str(problem).splitlines()[-1].removeprefix("error: load error: bundle bundle.tar.gz: ")
            raise BundleNotVerified(f"{name} is not what was signed with the key {key_id}: {reason}") from None
        # OPA writes it only if the signature is accepted. A process that reaps others can lose an exit status.
        if not output.is_file():
            raise BundleNotVerified(f"{name} was not verified, because OPA was interrupted. Try again.")
    return {path: content for path, content in files.items() if path != SIGNATURES}


def _algorithm_and_key_id(signatures: bytes) -> tuple[str, str]:
    (token,) = loads(signatures)["signatures"]
    header, claims = map(_decoded, token.split(".")[:2])
    return str(header["alg"]), str(header.get("kid") or claims["keyid"])


def _decoded(part: str) -> dict[str, Any]:
    decoded: dict[str, Any] = loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
