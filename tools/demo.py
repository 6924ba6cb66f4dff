"""`make demo`: decides every file in examples/ with the installed command, and explains each decision."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(*arguments: str | Path, expected: int) -> None:
    """Runs the command where a person would see it; a status that the demo does not expect ends it."""
    shown = " ".join(["therapy-policy", *map(str, arguments)])
    print(f"\n$ {shown}", flush=True)
    status = subprocess.run(["therapy-policy", *arguments]).returncode
    if status != expected:
        raise SystemExit(f"error: `{shown}` ended with {status}, not {expected}")


def main() -> None:
    requests = sorted(EXAMPLES.glob("*.json"))
    for path in requests:
        good = not path.name.startswith("bad_")
        run("explain", path, expected=0 if good else 1)
    run("decide", EXAMPLES / "pt_visit.json", expected=0)
    run("validate", EXAMPLES / "bad_request.json", expected=1)
    with tempfile.TemporaryDirectory() as directory:
        decisions = Path(directory) / "decisions.jsonl"
        # The claims hold some lines that are not valid requests, so the batch ends with 1.
        run("batch", EXAMPLES / "claims.jsonl", "--output", decisions, expected=1)
        lines = decisions.read_text(encoding="utf-8").splitlines()
        claims = (EXAMPLES / "claims.jsonl").read_text(encoding="utf-8").splitlines()
        if len(lines) != len(claims):
            raise SystemExit(f"error: {len(claims)} claims, but {len(lines)} decisions")
    print(f"\n{len(requests)} requests explained, {len(lines)} claims decided", file=sys.stderr)


if __name__ == "__main__":
    main()
