"""What Lighthouse says of the site, from a server on this machine.

    python -m tests.review.lighthouse DIRECTORY

prints the marks for performance and accessibility of one page of each kind, of 100. Run it on a quiet machine: other
programs lower the mark for performance, so the best of three counts.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.review.browser import AS_ROOT, find_chromium
from therapy_policy.toolchain.node import find_node, installed

NPM = Path(__file__).parent / "npm"
PAGES = ("index.html", "clause-PT-4.html", "pt_visit.html")
TRIES = 3
SECONDS = 300.0


class _Compressing(http.server.SimpleHTTPRequestHandler):
    """Serves files as a static host does: compressed."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.send_error(404)
            return
        content = gzip.compress(file.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve a site, and yield its address."""
    handler = functools.partial(_Compressing, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def scores(url: str, *categories: str) -> dict[str, int]:
    """The marks of a page, of 100, by category."""
    flags = ["--headless=new", "--disable-gpu", *(["--no-sandbox"] if AS_ROOT else [])]
    done = subprocess.run(
        [
            find_node(),
            installed(project=NPM) / "lighthouse/cli/index.js",
            url,
            f"--only-categories={','.join(categories)}",
            "--preset=desktop",
            "--output=json",
            "--quiet",
            f"--chrome-flags={' '.join(flags)}",
        ],
        env=os.environ | {"CHROME_PATH": find_chromium()},
        capture_output=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return {name: round(100 * each["score"]) for name, each in json.loads(done.stdout)["categories"].items()}


def main() -> None:
    with serving(Path(sys.argv[1])) as address:
        for page in PAGES:
            tries = [scores(f"{address}/{page}", "performance", "accessibility") for _ in range(TRIES)]
            best = {name: max(each[name] for each in tries) for name in tries[0]}
            print(page, *(f"{name} {mark}" for name, mark in best.items()))


if __name__ == "__main__":
    main()
