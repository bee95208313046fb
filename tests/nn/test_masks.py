"""Attention masks: who may read whom, and where a token stands."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.nn import Bidirectional, Causal, Echo, Prefix, Window, WithinSegment

MASK = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1]], bool)
SEGMENTS = np.array([[1, 1, 2, 2, 3, 0], [0, 1, 1, 1, 1, 1], [0, 0, 1, 2, 2, 2]], np.int32)

# Whether query q may read key k of a row, both real.
RULES = {
    "bidirectional": (Bidirectional(), lambda row, q, k: True),
    "causal": (Causal(), lambda row, q, k: k <= q),
    "prefix": (Prefix(tokens=2), lambda row, q, k: k <= q or np.sum(row[:k] != 0) < 2),
    "window": (Window(reach=1), lambda row, q, k: abs(q - k) <= 1),
    "causal-window": (Window(inner=Causal(), reach=2), lambda row, q, k: 0 <= q - k <= 2),
    "segments": (WithinSegment(), lambda row, q, k: row[q] == row[k]),
    "causal-segments": (
        WithinSegment(inner=Causal()),
        lambda row, q, k: row[q] == row[k] and k <= q,
    ),
    "echo": (Echo(), lambda row, q, k: k <= q or int(row[q]) > 1),
}


@pytest.mark.parametrize("mask", [MASK, SEGMENTS], ids=["truth", "segments"])
@pytest.mark.parametrize("name", RULES)
def test_masks_are_their_definition(name, mask):
    kind, rule = RULES[name]
    rows, tokens = mask.shape
    allowed = np.broadcast_to(kind(jnp.asarray(mask)), (rows, 1, tokens, tokens))
    for b, q, k in np.ndindex(rows, tokens, tokens):
        if mask[b, q]:  # what padding reads is nobody's business
            assert allowed[b, 0, q, k] == (mask[b, k] != 0 and rule(mask[b], q, k)), (b, q, k)


def test_positions_count_from_the_first_real_token():
    expected = [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3], [0, 0, 1, 2]]
    for kind in (Bidirectional(), Causal(), Window(), Prefix(), Echo()):
        np.testing.assert_array_equal(kind.positions(jnp.asarray(MASK)), expected)


def test_positions_start_again_in_every_segment():
    found = np.asarray(Window(inner=WithinSegment()).positions(jnp.asarray(SEGMENTS)))
    expected = [[0, 1, 0, 1, 0], [0, 1, 2, 3, 4], [0, 0, 1, 2]]
    for row, mask, wanted in zip(found, SEGMENTS, expected, strict=True):
        np.testing.assert_array_equal(row[mask != 0], wanted)


@pytest.mark.parametrize("make", [lambda: Prefix(tokens=-1), lambda: Window(reach=-1)])
def test_negative_numbers_are_refused(make):
    with pytest.raises(UsageError, match="is -1; it must be at least 0"):
        make()
