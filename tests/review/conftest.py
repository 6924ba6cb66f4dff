"""One browser for all tests, and the policy that they look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.review.browser import Watched, running_browser, watched_page
from therapy_policy import EmbeddedClient
from therapy_policy.files import packaged_json
from therapy_policy.policy import bundles
from therapy_policy.review.decision_tables import DecisionTables
from therapy_policy.review.figures import Figures
from therapy_policy.review.reading import PolicyView


@pytest.fixture(scope="session")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client


def policy_view(parameters: Mapping[str, Any] | None = None) -> PolicyView:
    """The packaged policy, with other parameters if they are given."""
    policy = PolicyView(
        bundles.packaged_bundle(), packaged_json("request.schema.json")["properties"]["request_type"]["enum"]
    )
    if parameters is not None:
        vars(policy)["therapy"] = policy.therapy | {"parameters": parameters}
    return policy


@pytest.fixture(scope="session")
def tables() -> DecisionTables:
    return DecisionTables(policy_view(), Figures())


@pytest.fixture(scope="session")
def changed() -> DecisionTables:
    """The tables of a policy with more treatment visits from 2027-01-01 on."""
    parameters = dict(policy_view().therapy["parameters"])
    visits = parameters["outpatient_pt"]["initial_visits"]
    value = visits["periods"][0]["value"]
    later = value | {"nonacute": value["nonacute"] | {"treatment": 8}}
    periods = [*visits["periods"], {"from": "2027-01-01", "value": later}]
    parameters["outpatient_pt"] = parameters["outpatient_pt"] | {"initial_visits": visits | {"periods": periods}}
    return DecisionTables(policy_view(parameters), Figures())


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


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
