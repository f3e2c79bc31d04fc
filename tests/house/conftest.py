"""What the tests of this folder leave as they found it."""

from collections.abc import Iterator

import pytest

from quant_core.strategies import STRATEGIES


@pytest.fixture(autouse=True)
def _strategies_of_a_page_stay_in_it() -> Iterator[None]:
    """Pages show how a strategy is registered; what they register ends with the test."""
    before = set(STRATEGIES)
    yield
    for name in set(STRATEGIES) - before:
        STRATEGIES.discard(name)
