"""Few programs in a run: at most three shapes of batch, with little more padding than it needs."""

import itertools

import numpy as np
import pytest

from jaxemb.data.shapes import few_shapes, fitting
from jaxemb.text import bucket


@pytest.mark.parametrize("seed", range(5))
def test_at_most_three_shapes_of_which_the_last_fits_all(seed):
    draw = np.random.default_rng(seed)
    limits = tuple(draw.choice([32, 64, 100], 3).tolist())
    longest = np.stack([draw.integers(1, limit + 1, 16) for limit in limits], axis=1)
    longest[0] = limits
    shapes = few_shapes(longest, limits, (1, 1, 4))
    assert 1 <= len(shapes) <= 3 and shapes[-1] == limits
    for row in itertools.product(*([1, limit // 2, limit] for limit in limits)):
        assert all(n <= size for n, size in zip(row, fitting(row, shapes), strict=True))


def test_columns_of_unequal_lengths_keep_their_own():
    longest = np.array([[14, 60]] * 15 + [[30, 64]])
    shapes = few_shapes(longest, (64, 64), (1, 1))
    assert fitting((14, 60), shapes) == (16, 64) and fitting((60, 10), shapes) == (64, 64)
    least = sum(bucket(a, 64) + bucket(b, 64) for a, b in longest.tolist())
    assert sum(sum(fitting(row, shapes)) for row in longest.tolist()) == least


def test_where_the_limit_is_far_a_long_text_does_not_cost_it():
    shapes = few_shapes(np.full((16, 1), 20), (8192,), (1,))
    assert shapes == ((32,), (48,)) and fitting((30,), shapes) == (32,)
    assert fitting((49,), shapes) is None
