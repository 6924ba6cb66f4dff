from collections.abc import Iterator

import pytest

from therapy_policy import EmbeddedClient


@pytest.fixture(scope="session")
def client() -> Iterator[EmbeddedClient]:
    with EmbeddedClient() as client:
        yield client
