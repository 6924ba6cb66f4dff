"""A real browser, and pages of files in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, expect, sync_playwright

from therapy_policy.toolchain.node import installed

NAMES = ("chromium", "chromium-browser", "google-chrome")
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSTALL_SECONDS = 600.0
PATIENCE_MS = 30_000  # on a busy machine
expect.set_options(timeout=PATIENCE_MS)
HARMLESS = ("minor", "moderate")
WIDTHS = (320, 390, 1280, 1920)  # of a window, in px

# What is wider than the window; with a selector, also what such elements cut off.
WIDER_THAN_THE_PAGE = """(cuts) => {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) found.push(`the page: ${document.documentElement.scrollWidth} px`);
  for (const element of document.querySelectorAll("body *")) {
    const cut = getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
    const what = `${element.tagName} ${element.className}: ${element.scrollWidth} px`;
    if (cuts && cut && element.clientWidth > 1 && element.matches(cuts)) found.push(what);
  }
  return found.slice(0, 5);
}"""


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def find_chromium() -> str:
    """Return the path of a Chromium: the one on PATH, or else one that is installed now.

    Raises `RuntimeError`, which says what to do, if there is none and none could be installed.
    """
    # Two test processes may look at the same time; the second finds what the first has installed.
    with (Path(tempfile.gettempdir()) / "therapy-policy-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _on_path() or _from_debian() or _from_playwright() or _fail()


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _from_debian() -> str | None:
    if not (AS_ROOT and shutil.which("apt-get")):
        return None
    _say("There is no Chromium on PATH. Installing the Debian package chromium …")
    _ran("apt-get", "update", "--quiet")
    _ran("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")
    return _on_path()


def _from_playwright() -> str | None:
    _say("There is no Chromium on PATH. Having Playwright download one …")
    _ran(sys.executable, "-m", "playwright", "install", "chromium")
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _fail() -> str:
    raise RuntimeError(
        "The pages are tested in a real browser, and there is none, nor could one be installed. Install Chromium or "
        "Google Chrome so that `chromium` or `google-chrome` is on PATH (on Debian: apt-get install chromium)."
    )


def _ran(*command: str) -> None:
    """Run a command that may fail: what counts is whether there is a Chromium afterwards."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as problem:
        _say(f"{' '.join(command)}: {problem}")
        return
    if done.returncode:
        _say(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()[-500:]}")


@contextmanager
def running_browser() -> Iterator[Browser]:
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, headless=True, args=FLAGS, chromium_sandbox=not AS_ROOT
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, and what it must not do: complain, or request anything except files."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path) -> Page:
        self.page.goto(file.as_uri())
        return self.page

    def expect_quiet(self) -> None:
        seen = {"complaints": self.complaints.copy(), "requests": self.requests.copy()}
        self.complaints.clear()
        self.requests.clear()
        assert seen == {"complaints": [], "requests": []}

    def accessibility_problems(self, *rules: str) -> list[str]:
        """What axe finds that is serious or critical, with the places; only by some of its rules if they are named."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate((installed() / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
        only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
        options = {"preload": False, "rules": {"target-size": {"enabled": not rules}}} | only
        found = self.page.evaluate("(options) => axe.run(options).then((results) => results.violations)", options)
        return [
            f"{each['impact']}: {each['help']}: {[node['html'] for node in each['nodes']]}"
            for each in found
            if each["impact"] not in HARMLESS
        ]


@contextmanager
def watched_page(browser: Browser, *, width: int = 1280, javascript: bool = True) -> Iterator[Watched]:
    """A new page, without a network, in which nothing may go wrong."""
    context: BrowserContext = browser.new_context(
        offline=True, java_script_enabled=javascript, viewport={"width": width, "height": 900}
    )
    context.set_default_timeout(PATIENCE_MS)
    watched = Watched(context.new_page())

    def refuse(route: Route) -> None:
        watched.requests.append(route.request.url)
        route.abort()

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            watched.complaints.append(message.text)

    def fail(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # such as the icon, when a test opens the next page
            watched.complaints.append(f"{request.url}: {request.failure}")

    context.route(lambda url: not url.startswith("file:"), refuse)
    watched.page.on("websocket", lambda socket: watched.requests.append(socket.url))
    watched.page.on("console", complain)
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("requestfailed", fail)
    try:
        yield watched
        watched.expect_quiet()
    finally:
        context.close()
