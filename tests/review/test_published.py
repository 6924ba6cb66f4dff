"""A copy of the site to hand on: the zip file, and a host that serves it with the headers of docs/compliance.md."""

from __future__ import annotations

import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.cli.command import run
from tests.review.browser import PATIENCE_MS
from therapy_policy.policy import bundles
from therapy_policy.review.published import as_zip, write_zip

DOCUMENT = Path(__file__).parents[2] / "docs/compliance.md"


def headers() -> dict[str, str]:
    """The headers that the document asks for."""
    [block] = re.findall(r"```http\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return dict(line.split(": ", 1) for line in block.strip().split("\n"))


class Handler(SimpleHTTPRequestHandler):
    """A static host that sends the headers."""

    def end_headers(self) -> None:
        for name, value in headers().items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def unpacked(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site out of its zip file."""
    directory = tmp_path_factory.mktemp("published")
    write_zip(site, bundles.packaged_bundle().version, directory / "review.zip")
    with zipfile.ZipFile(directory / "review.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(directory)
    [folder] = [path for path in directory.iterdir() if path.is_dir()]
    return folder


@pytest.fixture(scope="module")
def host(unpacked: Path) -> Iterator[str]:
    """The address of a server with the copy and the headers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(unpacked)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_zip_holds_the_site(site: Path, unpacked: Path) -> None:
    def content(directory: Path) -> dict[str, bytes]:
        return {
            path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
        }

    assert content(unpacked) == content(site)
    assert unpacked.name == f"therapy-policy-{bundles.packaged_bundle().version}-review"


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"b/two.html": b"2" * 1000, "index.html": b"1"}
    digests = {hashlib.sha256(as_zip(each, "review")).hexdigest() for each in (files, dict(reversed(files.items())))}
    assert len(digests) == 1


def test_the_zip_is_not_put_into_the_site(tmp_path: Path) -> None:
    done = run("review", "--output", tmp_path / "site", "--zip", tmp_path / "site" / "review.zip")
    assert done.returncode == 2
    assert b"name one beside it" in done.stderr


def test_its_first_page_opens(unpacked: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((unpacked / "index.html").as_uri())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.close()


def test_every_page_works_with_the_headers(host: str, unpacked: Path, browser: Browser) -> None:
    """No page breaks the policy of the headers, and none asks another host."""
    page = browser.new_context(base_url=host).new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith((host, "data:")) else complaints.append(request.url)
    )
    for file in sorted(unpacked.glob("*.html")):
        response = page.goto(f"/{file.name}")
        assert response
        assert response.header_value("content-security-policy") == headers()["Content-Security-Policy"]
        assert (file.name, complaints) == (file.name, [])
    page.context.close()


def test_the_search_and_the_form_work_with_the_headers(host: str, browser: Browser) -> None:
    page = browser.new_context(base_url=host).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto("/index.html")
    page.get_by_role("search").get_by_role("searchbox").fill("PT_TREATMENT_VISIT_LIMIT")
    page.get_by_role("search").get_by_role("button").click()
    expect(page.locator("#search-results a").first).to_have_text("PT_TREATMENT_VISIT_LIMIT")
    page.goto("/try.html")
    page.get_by_role("button", name="Decide").click()
    expect(page.locator("#try-outcome")).not_to_be_empty()
    page.context.close()


def test_the_headers_forbid_a_connection(host: str, browser: Browser) -> None:
    page = browser.new_context(base_url=host).new_page()
    page.goto("/index.html")
    refused = page.evaluate("() => fetch('/index.html').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    page.context.close()
