"""What the tests of PAS share: the embedded engine, asked as a host does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.interop.pas_bundles import RECEIVED, Ask
from therapy_policy import EmbeddedClient
from therapy_policy.interop import pas


@pytest.fixture(scope="package")
def ask() -> Iterator[Ask]:
    with EmbeddedClient() as client:
        yield partial(pas.submit, answer=client.answer, received_at=RECEIVED)
