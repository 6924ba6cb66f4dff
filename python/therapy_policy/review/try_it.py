"""The files of the page on which people try a request: the compiled policies, and the engine that runs them.

A page that is opened as a file can load scripts from its folder but cannot fetch data. So a policy is a script, too.
The one of the release before is as large as this one; the page loads it only when someone asks to compare.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import opapywasm.runtime

from therapy_policy import wording
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.data_check import FIRST_DATE
from therapy_policy.errors import TherapyPolicyError
from therapy_policy.nesting import MAX_DEPTH
from therapy_policy.policy.bundles import Bundle, load_release
from therapy_policy.policy.parameters import Parameter, parameters_of
from therapy_policy.policy.releases import releases_of, version_number
from therapy_policy.review.requests import in_words
from therapy_policy.toolchain.fetching import ReportStep, to_stderr
from therapy_policy.toolchain.node import installed

PACKAGE = resources.files("therapy_policy.review")
ENGINE = Path("@open-policy-agent/opa-wasm")
PARTS_OF_THE_ENGINE = ("@open-policy-agent/opa-wasm", "sprintf-js", "yaml")
SCRIPTS = (
    "page-tools.js",
    "form-json.js",
    "form-advice.js",
    "form-fields.js",
    "form-decision.js",
    "try.js",
    "sign.js",
)
POLICY_BEFORE = "policy-before.js"
SEPARATORS = (",", ":")

# The address of each entry that a decision names, with its name in place of {}.
PAGES = {
    "clauses": "clause-{}.html",
    "interpretations": "interpretations.html#{}",
    "reason_codes": "reasons.html#{}",
    "numbers": "numbers.html#{}",
}


@dataclass(frozen=True)
class PolicyBefore:
    """The policy of the release before, or why there is none to compare with."""

    bundle: Bundle | None
    why: str  # a sentence; empty if there is a bundle

    @property
    def version(self) -> str | None:
        """The version of the policy."""
        return self.bundle.version if self.bundle else None


def policy_before(bundle: Bundle, records: Path | None) -> PolicyBefore:
    """Load the policy of the newest release that is older than a bundle.

    `records` is the directory that contains `releases/`, None if there is none.
    """
    try:
        releases = releases_of(records) if records else []
        older = [each for each in releases if version_number(each.version) < version_number(bundle.version)]
        if not older or records is None:
            return PolicyBefore(
                None, "There is no record of a release before this one, so there is nothing to compare."
            )
        return PolicyBefore(load_release(older[-1], records), "")
    except TherapyPolicyError:
        return PolicyBefore(
            None,
            "There is a release before this one, but its policy could not be found when these pages were made, so "
            "there is nothing to compare.",
        )


def try_it_files(
    bundle: Bundle,
    schema: Mapping[str, Any],
    examples: Sequence[Mapping[str, Any]],
    before: PolicyBefore,
    progress: ReportStep = to_stderr,
) -> dict[str, str | bytes]:
    """Return the files that the page of templates/try_it.html needs in its folder, by name.

    `schema` is the published schema of requests, as schemas/request.json; the form is built from it. Each of `examples`
    has a `title` and a `request`; they are offered in this order, by request type.

    Raises `ReviewToolsNotAvailable`.
    """
    modules = installed(progress)
    files: dict[str, str | bytes] = {
        **{name: (PACKAGE / "scripts" / name).read_text(encoding="utf-8") for name in SCRIPTS},
        "policy.js": _script("THERAPY_POLICY", _page(bundle, schema, examples, before)),
        "opa-wasm.js": _engine(modules),
        "opa-wasm.licenses.txt": _licenses(modules),
    }
    if before.bundle:
        files[POLICY_BEFORE] = _script("THERAPY_POLICY_BEFORE", _policy(before.bundle))
    return files


def _script(name: str, value: Any) -> str:
    return f"window.{name} = {json.dumps(value, separators=SEPARATORS)};\n"


def _page(
    bundle: Bundle, schema: Mapping[str, Any], examples: Sequence[Mapping[str, Any]], before: PolicyBefore
) -> dict[str, Any]:
    return {
        **_policy(bundle),
        "schema": schema,
        "examples": [{"title": each["title"], "request": each["request"]} for each in examples],
        "max_request_bytes": MAX_REQUEST_BYTES,
        "max_depth": MAX_DEPTH,
        "pages": PAGES,
        "before": {"version": before.version, "file": POLICY_BEFORE},
        "explanation": {
            "sentences": {outcome: sentence for outcome, (sentence, _) in wording.OUTCOMES.items()},
            "effects": {effect: title for effect, (title, _) in wording.EFFECTS.items()},
            "spellings": wording.SPELLINGS,
            "minutes_in_a_unit": wording.MINUTES_IN_A_UNIT,
        },
    }


def _policy(bundle: Bundle) -> dict[str, Any]:
    return {
        "wasm": base64.b64encode(zlib.compress(bundle.wasm, 9)).decode(),
        "memory_pages": opapywasm.runtime._DEFAULT_MEMORY_PAGES,  # as in the embedded client
        "data": bundle.data,
        "numbers": numbers_by_clause(bundle),
    }


def numbers_by_clause(bundle: Bundle) -> dict[str, list[dict[str, Any]]]:
    """Return the numbers and lists that come from each clause, in words, with all their periods.

    Of a parameter whose entries cite clauses, a clause has its entries.
    """
    therapy = bundle.data["therapy"]
    parameters = parameters_of(therapy["parameters"])
    found: dict[str, list[dict[str, Any]]] = {}
    for clause in therapy["register"]["clauses"]:
        for parameter in parameters.values():
            if clause in parameter.clauses and (periods := list(_periods(parameter, clause))):
                number = {"parameter": parameter.name, "title": parameter.title, "periods": periods}
                found.setdefault(clause, []).append(number)
    return found


def _periods(parameter: Parameter, clause: str) -> Iterator[dict[str, Any]]:
    """The periods of a parameter that say something about a clause: the first day (None for the first of
    all dates), and the entries with name and text."""
    earlier: list[list[str]] = []
    for period in parameter.periods:
        entries = list(_entries(period.value, clause, bool(dict(parameter.entries))))
        if entries and entries != earlier:
            yield {"from": None if period.start == FIRST_DATE else period.start, "entries": entries}
        earlier = entries


def _entries(value: Any, clause: str, by_clause: bool) -> Iterator[list[str]]:
    if isinstance(value, dict) and by_clause:
        for name, entry in value.items():
            if isinstance(entry, dict) and entry.get("clause") == clause:
                yield [in_words(name), _details(entry)]
    elif isinstance(value, dict):
        yield from ([in_words(name), _details(entry)] for name, entry in value.items())
    else:
        yield ["", ", ".join(map(in_words, value)) if isinstance(value, list) else in_words(value)]


def _details(entry: Any) -> str:
    if not isinstance(entry, dict):
        return ", ".join(map(in_words, entry)) if isinstance(entry, list) else in_words(entry)
    stated = {name: each for name, each in entry.items() if name != "clause" and each is not None}
    service = [in_words(stated.pop("service"))] if "service" in stated else []  # speaks for itself, without its name
    return ", ".join([*service, *(f"{in_words(name)} {in_words(each)}" for name, each in stated.items())])


def _engine(modules: Path) -> str:
    script = (modules / ENGINE / "dist" / "opa-wasm-browser.js").read_text(encoding="utf-8")
    # The last line refers to a file that is not on the site.
    return "".join(line for line in script.splitlines(keepends=True) if not line.startswith("//# sourceMappingURL="))


def _licenses(modules: Path) -> str:
    """The licenses of the packages in opa-wasm.js, which require it."""
    texts = [f"{part}\n\n{(modules / part / 'LICENSE').read_text(encoding='utf-8')}" for part in PARTS_OF_THE_ENGINE]
    return "opa-wasm.js contains the packages below, under their licenses.\n\n" + f"\n{'-' * 80}\n\n".join(texts)
