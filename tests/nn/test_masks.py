"""Attention masks: who may read whom."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.nn import Bidirectional, Causal

MASK = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)


@pytest.mark.parametrize("kind", [Bidirectional(), Causal()])
def test_masks_are_their_definition(kind):
    allowed = np.broadcast_to(kind(jnp.asarray(MASK)), (3, 1, 4, 4))
    for b, q, k in np.ndindex(3, 4, 4):
        before = k <= q if isinstance(kind, Causal) else True
        assert allowed[b, 0, q, k] == (MASK[b, k] and before)
