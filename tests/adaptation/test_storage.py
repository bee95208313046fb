"""Arrays in fewer bits: what is kept, what is read, and that training reads exactly that."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.adaptation import Compressed, EightBits, HalfPrecision
from jaxemb.training import Only

RNG = np.random.default_rng()
KEY = jax.random.key(0)
W = jnp.asarray(RNG.normal(size=(40, 7)) * RNG.uniform(0.01, 10, 7), jnp.float32).at[:, 3].set(0)


def test_eight_bits_err_by_half_a_step_and_keep_the_largest():
    kept = EightBits().pack(W)
    found = EightBits().unpack(kept)
    assert kept["numbers"].dtype == jnp.int8 and kept["scale"].shape == (1, 7)
    step = np.abs(W).max(0) / 127
    assert (np.abs(found - W) <= step / 2 * 1.0001).all()
    np.testing.assert_allclose(np.abs(found).max(0), np.abs(W).max(0), rtol=1e-6)
    np.testing.assert_array_equal(EightBits().pack(W[0]), W[0])
    experts = EightBits().unpack(EightBits().pack(jnp.stack([W, 9 * W])))
    np.testing.assert_allclose(experts[0], found, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_rounds_once(dtype):
    storage = HalfPrecision(dtype=dtype)
    kept = storage.pack(W)
    assert kept.dtype == jnp.dtype(dtype)
    expected = np.asarray(W).astype(kept.dtype).astype(np.float32)
    np.testing.assert_array_equal(storage.unpack(kept), expected)


@pytest.mark.parametrize(("storage", "share"), [(HalfPrecision(), 0.55), (EightBits(), 0.4)])
def test_what_moves_is_whole_and_what_is_kept_takes_less(storage, share):
    params = {
        "head": {"kernel": W, "bias": W[0]},
        "tokens": {"embedding": 3 * W, "counts": jnp.arange(7)},
    }
    part = Compressed(inner=Only(patterns=("bias",)), storage=storage)
    moved, kept = part.split(params, KEY)
    assert moved["head"]["bias"].dtype == jnp.float32
    size = sum(x.nbytes for x in jax.tree.leaves(kept))
    assert size < share * (params["head"]["kernel"].nbytes + params["tokens"]["embedding"].nbytes)
    joined = jax.jit(part.join)(moved, kept)
    assert jax.tree.structure(joined) == jax.tree.structure(params)
    np.testing.assert_array_equal(joined["head"]["bias"], W[0])
    np.testing.assert_array_equal(joined["tokens"]["counts"], jnp.arange(7))
    expected = storage.unpack(storage.pack(W))
    np.testing.assert_allclose(joined["head"]["kernel"], expected, rtol=1e-6)
    np.testing.assert_allclose(part.merged(moved, kept)["head"]["kernel"], expected, rtol=1e-6)
