"""The commands that sign and use a signed bundle, from the key to the decision log."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import EXAMPLES, run
from tests.policy.signing import archive_of, key_pair
from tests.running import free_port, running_sidecar
from tests.sidecar.test_serve import logged_decisions, post
from therapy_policy.policy.archives import files_in
from therapy_policy.policy.bundles import packaged_bundle

SECONDS = 300.0  # far more than it takes, even on a machine that is busy


def test_a_bundle_is_signed_served_and_refused_after_a_change(tmp_path: Path) -> None:
    key = key_pair(tmp_path, "key")
    archive = tmp_path / "bundle.tar.gz"
    signing = run("bundle", "sign", "--key", key.private, "--key-id=2026", "--output", archive, seconds=SECONDS)
    assert signing.returncode == 0
    assert packaged_bundle().revision.encode() in signing.stdout
    options = ("--bundle", str(archive), f"--verification-key=2026={key.public}")
    with running_sidecar(tmp_path / "log", *options) as sidecar:
        answer = post(sidecar.url, b'{"input": {"request_type": "referral_route", "island": "oahu"}}').json()
        (in_log,) = logged_decisions(sidecar.log, answer["decision_id"])["bundles"].values()
        assert in_log["revision"] == packaged_bundle().revision
    secret = key.private.read_text().splitlines()[1]
    for text in (signing.stdout.decode(), signing.stderr.decode(), sidecar.log.read_text()):
        assert secret not in text

    visit = EXAMPLES / "pt_visit.json"
    decided = run("decide", visit, *options, seconds=SECONDS)
    assert json.loads(decided.stdout) == json.loads(run("decide", visit, seconds=SECONDS).stdout)

    files = files_in(archive.read_bytes())
    changed = files["therapy/decision.rego"] + b"\n# changed\n"
    archive.write_bytes(archive_of(files | {"therapy/decision.rego": changed}))
    for command in (("serve", f"--port={free_port()}"), ("decide", str(visit))):
        refused = run(*command, *options, seconds=SECONDS)
        assert refused.returncode == 2
        assert b"is not what was signed with the key 2026" in refused.stderr
        assert refused.stdout == b""


def test_nothing_is_signed_without_a_usable_key(tmp_path: Path) -> None:
    for key in (tmp_path / "missing.key", key_pair(tmp_path, "key").public):
        output = tmp_path / "bundle.tar.gz"
        done = run("bundle", "sign", "--key", key, "--key-id=2026", "--output", output, seconds=SECONDS)
        assert done.returncode == 2
        assert not output.exists()
