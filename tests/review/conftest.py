"""One browser for all tests, and one review to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.cli.command import run
from tests.review.browser import Watched, running_browser, watched_page
from therapy_policy import EmbeddedClient


@pytest.fixture(scope="session")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as the command writes it."""
    directory = tmp_path_factory.mktemp("review") / "site"
    done = run("review", "--output", directory)
    assert done.returncode == 0, done.stderr.decode()
    return directory


@pytest.fixture(scope="session")
def try_page(site: Path) -> Path:
    """The page on which a request is tried."""
    [page] = [file for file in site.rglob("*.html") if 'src="try.js"' in file.read_text(encoding="utf-8")]
    return page


@pytest.fixture(scope="session")
def shared(browser: Browser) -> Iterator[Watched]:
    with watched_page(browser) as watched:
        yield watched


@pytest.fixture
def watched(shared: Watched) -> Iterator[Watched]:
    """A page in which nothing may go wrong in this test."""
    yield shared
    shared.expect_quiet()


@pytest.fixture
def page(watched: Watched, try_page: Path) -> Page:
    """The page on which a request is tried, freshly opened."""
    return watched.open(try_page)
