"""How deep JSON may be nested, checked in the text before anything parses it.

Python's parser recurses in C. Under a raised recursion limit, or in a thread with a small stack, deep text would end
the process before the parser notices. All JSON that comes from outside is checked here first.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100  # levels of objects and lists; a valid request has at most 7, and the policy's data 9

# A string is skipped whole. One without an end continues to the end of the text, where the parser rejects it.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]}]', re.DOTALL)


def is_too_deep(text: str) -> bool:
    """Return whether JSON text is nested more than `MAX_DEPTH` levels deep, without parsing it."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        token = found[0]
        if token in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token in ("]", "}"):
            depth -= 1
    return False


def loads(text: str | bytes, **options: Any) -> Any:
    """Parse JSON like `json.loads`, but raise `ValueError` if it is nested more than `MAX_DEPTH` levels deep."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    if is_too_deep(text):
        raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
    return json.loads(text, **options)
