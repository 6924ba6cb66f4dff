"""Keys, and bundle files that somebody tampered with."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from therapy_policy.policy.archives import packed


@dataclass(frozen=True)
class KeyPair:
    """The files of a key pair, in PEM format."""

    private: Path
    public: Path


def key_pair(folder: Path, name: str, kind: str = "EC") -> KeyPair:
    """Write a new key pair: EC is P-256, RSA has 2048 bits."""
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
    pair = KeyPair(folder / f"{name}.key", folder / f"{name}.pub")
    pair.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pair.public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return pair


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """Pack files as a bundle file."""
    return packed(files)


def archive_with(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Pack entries of a tar archive as they are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue())
