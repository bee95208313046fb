"""A configuration that uses all of what it may."""

import pytest

from tests.config.given import Near, Scaled, Whole


@pytest.fixture
def whole() -> Whole:
    return Whole(goals=(Near(dims=(3,)), Scaled(inner=Near())))
