"""The product's log lines are kept back while a day is played, and only then."""

from collections.abc import Iterator

import pytest
import structlog

from tests.simulation.running import silence


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    silence()
    yield
    structlog.reset_defaults()
