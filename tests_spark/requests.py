"""Requests of each type and broken ones, what `EmbeddedClient` decides on them, and another policy."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyspark.sql import Row

from therapy_policy import EmbeddedClient, RequestNotJson
from therapy_policy.client.request_text import checked_text
from therapy_policy.policy.bundles import Bundle, packaged_bundle

ROOT = Path(__file__).parents[1]

EXAMPLES = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.json"))]
CLAIMS = (ROOT / "examples/claims.jsonl").read_text(encoding="utf-8").splitlines()
BROKEN = [
    b"",
    b"null",
    b"[1]",
    b"{",
    b'{"request_type": "pt_visit", "request_id": "caf\xe9"}',
    b'{"request_type": "pt_visit", "request_id": "not valid"}',
    b'{"request_type": "pt_visit", "request_id": "\\ud800"}',
    b'{"request_type": "pt_vizit", "request_id": "R-1"}',
    b'{"request_type": "pt_visit", "visit": {"number": 1e99999999}}',
    b'{"request_type": "pt_continuation", "review_date": "2026-02-30", "specialty": "none", "discontinuation": {}}',
    b"[" * 200 + b"]" * 200,
]
TEXTS = [text.encode() for text in EXAMPLES + CLAIMS] + BROKEN


def decided(texts: Iterable[bytes]) -> list[dict[str, Any]]:
    """What `EmbeddedClient` decides; a text that is not JSON is decided as `null`."""
    with EmbeddedClient() as client:
        return [dict(each) for each in client.decide_texts([text if _is_json(text) else b"null" for text in texts])]


def _is_json(text: bytes) -> bool:
    try:
        checked_text(text)
    except RequestNotJson:
        return False
    return True


def columns_of(decision: dict[str, Any]) -> dict[str, Any]:
    """The columns that a decision becomes."""
    authorized, route, reasons = decision["authorized"], decision["route"] or {}, decision["reasons"]
    interpretations = [reason["interpretation"] for reason in reasons if reason["interpretation"]]
    return {
        **{name: decision[name] for name in ("request_id", "request_type", "outcome", "authorized_under")},
        **authorized,
        "reasons": [*dict.fromkeys(reason["code"] for reason in reasons)],
        "interpretations": [*dict.fromkeys(interpretations)],
        "route_chapter": route.get("chapter"),
        "route_network": route.get("network"),
        "policy_version": decision["policy_version"],
        "not_decided": None,
    }


def as_dict(row: Row) -> dict[str, Any]:
    return dict(row.asDict(recursive=True))


def three_units_a_visit() -> Bundle:
    """The packaged policy with 3 units in place of 4, as a bundle file would bring it."""
    packaged = packaged_bundle()
    data = json.loads(json.dumps(packaged.data))
    for period in data["therapy"]["parameters"]["units_per_visit"]["periods"]:
        period["value"] = 3
    text = json.dumps(data).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as bundle:
        entry = tarfile.TarInfo("/data.json")
        entry.size = len(text)
        bundle.addfile(entry, io.BytesIO(text))
    return Bundle("three units", archive.getvalue(), packaged.wasm)
