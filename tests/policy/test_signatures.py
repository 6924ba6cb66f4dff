"""Signed bundles: which are accepted, and every way to be rejected."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import hmac
import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.policy.signing import KeyPair, archive_of, archive_with, key_pair
from therapy_policy import BundleNotUsable, BundleNotVerified, FileNotUsable, PolicyNotUsable
from therapy_policy.policy import bundles
from therapy_policy.policy.archives import SIGNATURES, files_in, unpacked
from therapy_policy.policy.bundles import Bundle, load_signed, packaged_bundle
from therapy_policy.policy.signatures import Verification, verified_files

PAGE = "therapy/decision.rego"
Files = dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Signed:
    """The packaged bundle signed with a key, and another pair."""

    archive: bytes
    key: KeyPair
    other: KeyPair

    @property
    def files(self) -> Files:
        return files_in(self.archive)

    @property
    def verification(self) -> Verification:
        return Verification({"2026": self.key.public})


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    folder = tmp_path_factory.mktemp("keys")
    key = key_pair(folder, "key")
    return Signed(packaged_bundle().signed(key.private, "2026"), key, key_pair(folder, "other"))


def claims_of(archive: bytes) -> tuple[dict[str, str], dict[str, str]]:
    (token,) = json.loads(files_in(archive)[SIGNATURES])["signatures"]
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    return header, claims


def test_a_signed_bundle_is_the_same_policy(signed: Signed) -> None:
    bundle = load_signed("signed.tar.gz", signed.archive, signed.verification)
    assert bundle.revision == packaged_bundle().revision
    assert bundle.digest_of_everything == packaged_bundle().digest_of_everything
    assert json.loads(files_in(bundle.archive)[".manifest"])["revision"] == bundle.revision
    with bundle.client() as client:
        assert client.decide({"request_type": "referral_route", "island": "oahu"})["outcome"] == "routed"


def test_the_signature_names_key_algorithm_and_scope(signed: Signed, tmp_path: Path) -> None:
    header, claims = claims_of(signed.archive)
    assert (header["alg"], claims["keyid"], claims.get("scope")) == ("ES256", "2026", None)
    rsa = key_pair(tmp_path, "rsa", "RSA")
    archive = packaged_bundle().signed(rsa.private, "rsa-key", "production")
    header, claims = claims_of(archive)
    assert (header["alg"], claims["keyid"], claims["scope"]) == ("RS256", "rsa-key", "production")
    keys = {"rsa-key": rsa.public}
    assert verified_files("b", archive, Verification(keys, "production"))
    for scope in (None, "staging"):
        with pytest.raises(BundleNotVerified, match="scope"):
            verified_files("b", archive, Verification(keys, scope))


def test_old_and_new_key_are_accepted_during_a_rotation(signed: Signed) -> None:
    new = packaged_bundle().signed(signed.other.private, "2027")
    both = Verification({"2026": signed.key.public, "2027": signed.other.public})
    for archive in (signed.archive, new):
        assert PAGE in verified_files("b", archive, both)
    with pytest.raises(BundleNotVerified, match="whose ID is not one of: 2027"):
        verified_files("b", signed.archive, Verification({"2027": signed.other.public}))


def test_another_key_with_the_same_id_is_rejected(signed: Signed, tmp_path: Path) -> None:
    for public in (signed.other.public, key_pair(tmp_path, "rsa", "RSA").public):
        with pytest.raises(BundleNotVerified, match="is not what was signed with the key 2026"):
            verified_files("b", signed.archive, Verification({"2026": public}))


def changed(path: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        assert old in files[path]
        return files | {path: files[path].replace(old, new, 1)}

    return change


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(changed("data.json", b'"treatment"', b'"treatmant"'), id="data"),
        pytest.param(changed(PAGE, b"package", b"# changed\npackage"), id="rule"),
        pytest.param(changed(".manifest", b"2.", b"9."), id="manifest"),
        pytest.param(lambda files: files | {"therapy/more.rego": b"package therapy.more\n"}, id="added"),
        pytest.param(lambda files: files | {"therapy/more/data.json": b"{}"}, id="data added"),
        pytest.param(lambda files: {path: files[path] for path in files if path != PAGE}, id="removed"),
    ],
)
def test_a_changed_bundle_is_rejected(signed: Signed, tamper: Callable[[Files], Files]) -> None:
    with pytest.raises(BundleNotVerified, match="is not what was signed"):
        verified_files("b", archive_of(tamper(signed.files)), signed.verification)


def test_opa_cannot_be_told_by_variables_to_skip_a_file(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPA_BUILD_EXCLUDE_FILES_VERIFY", PAGE)
    files = changed(PAGE, b"package", b"# changed\npackage")(signed.files)
    with pytest.raises(BundleNotVerified):
        verified_files("b", archive_of(files), signed.verification)


def token(header: dict[str, str], claims: dict[str, str], secret: bytes) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims))
    text = b".".join(parts)
    mac = hmac.new(secret, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS256"])
def test_a_token_of_another_algorithm_is_rejected(signed: Signed, algorithm: str) -> None:
    _, claims = claims_of(signed.archive)
    made = token({"alg": algorithm, "kid": "2026"}, claims, signed.key.public.read_bytes())
    archive = archive_of(signed.files | {SIGNATURES: json.dumps({"signatures": [made]}).encode()})
    with pytest.raises(BundleNotVerified):
        verified_files("b", archive, signed.verification)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"",
        b"{}",
        b"[]",
        b'{"signatures": []}',
        b'{"signatures": ["a.b.c"]}',
        b'{"signatures": ["e30.e30"]}',
    ],
)
def test_a_signature_that_cannot_be_read_is_rejected(signed: Signed, content: bytes) -> None:
    with pytest.raises(BundleNotVerified, match="cannot be read"):
        verified_files("b", archive_of(signed.files | {SIGNATURES: content}), signed.verification)


def test_an_unsigned_bundle_is_rejected(signed: Signed, tmp_path: Path) -> None:
    with pytest.raises(BundleNotVerified, match="is not signed"):
        load_signed("b", packaged_bundle().archive, signed.verification)
    with pytest.raises(BundleNotVerified, match="is not a bundle file"):
        bundles.load(str(tmp_path), verification=signed.verification)


def test_a_signed_bundle_needs_a_key(signed: Signed, tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_bytes(signed.archive)
    with pytest.raises(BundleNotVerified, match="--verification-key"):
        bundles.load(str(tmp_path / "b.tar.gz"))


def test_a_signature_does_not_make_a_policy_usable(signed: Signed, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(Path(__file__).parents[2] / "policies", policies)
    page = policies / "therapy/parameters/data.yaml"
    page.write_text(page.read_text(encoding="utf-8").replace("treatment:", "treatmnt:"), encoding="utf-8")
    bad = bundles.load_uncompiled(str(policies)).signed(signed.key.private, "2026")
    with pytest.raises(PolicyNotUsable, match="treatmnt"):
        load_signed("b", bad, signed.verification)


def test_a_signed_bundle_of_another_policy_is_rejected(signed: Signed) -> None:
    files = {"therapy.rego": b"package therapy\n\ndecision := 1\n\ndecisions := []\n", "data.json": b"{}"}
    with unpacked({"key.pem": signed.key.private.read_bytes(), "claims.json": b'{"keyid": "2026"}'}) as folder:
        options = ("--signing-key", str(folder / "key.pem"), "--claims-file", str(folder / "claims.json"))
        archive = bundles._rebuilt("b", files, *options, "--signing-alg", "ES256")
    with pytest.raises(BundleNotUsable, match="is a bundle of another policy"):
        load_signed("b", archive, signed.verification)


def test_an_older_policy_is_rejected(signed: Signed) -> None:
    version = packaged_bundle().version
    newer = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), version)
    exactly, more = (dataclasses.replace(signed.verification, at_least_version=each) for each in (version, newer))
    assert load_signed("b", signed.archive, exactly, compiled=False).version == version
    with pytest.raises(BundleNotVerified, match=f"older than {re.escape(newer)}"):
        load_signed("b", signed.archive, more, compiled=False)


def test_every_bundle_can_have_its_revision_in_the_log() -> None:
    files = packaged_bundle()._files
    without = {path: files[path] for path in files if path != ".manifest"}
    for each in (without, without | {".manifest": b'{"roots": ["therapy", "system"], "revision": "9.9.9"}'}):
        bundle = Bundle("b", archive_of(each), b"")
        manifest = json.loads(files_in(bundle.archive_for_opa())[".manifest"])
        assert manifest["revision"] == bundle.revision == packaged_bundle().revision


def test_only_the_right_half_of_a_key_is_taken(signed: Signed, tmp_path: Path) -> None:
    with pytest.raises(FileNotUsable, match="is a private key"):
        Verification({"2026": signed.key.private})
    with pytest.raises(FileNotUsable, match="is not a private key"):
        packaged_bundle().signed(signed.key.public, "2026")
    for name, content in (("text", b"secret"), ("bytes", b"\xff\x00")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileNotUsable):
            Verification({"2026": tmp_path / name})
    with pytest.raises(FileNotUsable, match="cannot be read"):
        Verification({"2026": tmp_path / "missing"})
    broken = tmp_path / "broken.key"
    broken.write_text("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    with pytest.raises(FileNotUsable, match="cannot sign") as problem:
        packaged_bundle().signed(broken, "2026")
    assert "c2VjcmV0" not in str(problem.value)


def entry(path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(path)
    made.size, made.type, made.linkname = len(content), kind, "/etc/passwd"
    return made, content


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04", id="zip"),
        pytest.param(gzip.compress(b"text"), id="no tar"),
        pytest.param(archive_of({"data.json": b"{}"})[:-20], id="cut off"),
        pytest.param(archive_with(entry("data.json", b"{}"), entry("/data.json", b"1")), id="twice"),
        pytest.param(archive_with(entry("../data.json", b"{}")), id="outside"),
        pytest.param(archive_with(entry("data.json", kind=tarfile.SYMTYPE)), id="link"),
        pytest.param(archive_with(entry("data.json", kind=tarfile.LNKTYPE)), id="hard link"),
        pytest.param(gzip.compress(bytes(65 << 20), 1), id="bomb"),
    ],
)
def test_an_odd_archive_is_rejected(archive: bytes) -> None:
    with pytest.raises(BundleNotUsable):
        files_in(archive)
