"""The files of the page on which people try a request: the compiled policy, and the engine that runs it.

A page that is opened as a file can load scripts from its folder but cannot fetch data. So the policy is a script, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import opapywasm.runtime

from therapy_policy import wording
from therapy_policy.client.request_text import MAX_REQUEST_BYTES
from therapy_policy.nesting import MAX_DEPTH
from therapy_policy.policy.bundles import Bundle
from therapy_policy.toolchain.fetching import ReportStep, to_stderr
from therapy_policy.toolchain.node import installed

PACKAGE = resources.files("therapy_policy.review")
ENGINE = Path("@open-policy-agent/opa-wasm")
PARTS_OF_THE_ENGINE = ("@open-policy-agent/opa-wasm", "sprintf-js", "yaml")


def try_it_files(
    bundle: Bundle,
    schema: Mapping[str, Any],
    examples: Sequence[Mapping[str, Any]],
    progress: ReportStep = to_stderr,
) -> dict[str, str | bytes]:
    """Return the files that the page of templates/try_it.html needs in its folder, by name.

    `schema` is the published schema of requests, as schemas/request.json; the form is built from it. Each of `examples`
    has a `title` and a `request`; they are offered in this order, by request type.

    Raises `ReviewToolsNotAvailable`.
    """
    modules = installed(progress)
    return {
        "try.js": (PACKAGE / "try.js").read_text(encoding="utf-8"),
        "try.css": (PACKAGE / "try.css").read_text(encoding="utf-8"),
        "policy.js": f"window.THERAPY_POLICY = {json.dumps(_policy(bundle, schema, examples))};\n",
        "opa-wasm.js": _engine(modules),
        "opa-wasm.licenses.txt": _licenses(modules),
    }


def _policy(bundle: Bundle, schema: Mapping[str, Any], examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "wasm": base64.b64encode(bundle.wasm).decode(),
        "memory_pages": opapywasm.runtime._DEFAULT_MEMORY_PAGES,  # as in the embedded client
        "data": bundle.data,
        "schema": schema,
        "examples": [{"title": each["title"], "request": each["request"]} for each in examples],
        "max_request_bytes": MAX_REQUEST_BYTES,
        "max_depth": MAX_DEPTH,
        "explanation": {
            "sentences": {outcome: sentence for outcome, (sentence, _) in wording.OUTCOMES.items()},
            "effects": {effect: title for effect, (title, _) in wording.EFFECTS.items()},
            "minutes_in_a_unit": wording.MINUTES_IN_A_UNIT,
        },
    }


def _engine(modules: Path) -> str:
    script = (modules / ENGINE / "dist" / "opa-wasm-browser.js").read_text(encoding="utf-8")
    # The last line refers to a file that is not on the site.
    return "".join(line for line in script.splitlines(keepends=True) if not line.startswith("//# sourceMappingURL="))


def _licenses(modules: Path) -> str:
    """The licenses of the packages in opa-wasm.js, which require it."""
    texts = [f"{part}\n\n{(modules / part / 'LICENSE').read_text(encoding='utf-8')}" for part in PARTS_OF_THE_ENGINE]
    return "opa-wasm.js contains the packages below, under their licenses.\n\n" + f"\n{'-' * 80}\n\n".join(texts)
