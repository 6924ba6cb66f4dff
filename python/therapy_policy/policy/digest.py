"""Digests of a policy: of what decides, and of everything that it says.

A figure, a proof or a log entry names the digest of what decides: the rules without their comments, and the data
without the words for people. New wording does not change it. A release, and the sign-off of a release, name the digest
of everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

REVISION_DIGITS = 12

# Fields that people read and no rule compares, by the part of the data that has them.
WORDS: Mapping[str, frozenset[str]] = {
    "parameters": frozenset({"title", "service"}),
    "reason_codes": frozenset({"message", "remedy", "no_remedy_because"}),
    "clauses": frozenset({"kind", "summary"}),
    "standard_answers": frozenset({"source", "verified"}),
}
# Registers that no rule reads.
ONLY_WORDS = frozenset({"interpretations", "source", "episode", "policy"})


def digest_of_what_decides(texts: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of what decides, as 64 hex digits.

    `texts` has the Rego pages by path, `data` the data document, as in `Bundle.texts` and `Bundle.data`.
    """
    rules = {path: without_comments(text) for path, text in texts.items() if path.startswith("therapy/")}
    return sha256_of({"rules": rules, "data": _without_words(data["therapy"])})


def digest_of_everything(texts: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """Compute the SHA-256 of all rules, comments, numbers and words, as 64 hex digits."""
    return sha256_of({"rules": dict(texts), "data": data})


def revision(version: str, digest: str) -> str:
    """Return the revision of a bundle, such as 1.0.1+1f0c6c5b0e2a, from the digest of what decides."""
    return f"{version}+{digest[:REVISION_DIGITS]}"


def without_comments(text: str) -> list[str]:
    """List the lines of a Rego page that are neither comments nor blank."""
    lines = (line.rstrip() for line in text.splitlines())
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def _without_words(therapy: Mapping[str, Any]) -> dict[str, Any]:
    register = {
        name: {key: _without(entry, WORDS.get(name, frozenset())) for key, entry in entries.items()}
        for name, entries in therapy.get("register", {}).items()
        if name not in ONLY_WORDS
    }
    parameters = _without(therapy.get("parameters", {}), WORDS["parameters"])
    return {**therapy, "register": register, "parameters": parameters}


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, names) for name, each in value.items() if name not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


def sha256_of(value: Any) -> str:
    """Compute the SHA-256 of a JSON value, as 64 hex digits; the order of fields does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
