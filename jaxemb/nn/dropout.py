"""Dropout drawn an example at a time, so that a batch is the same on any device layout."""

import zlib
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, UInt32

from jaxemb.config import AtLeast, Below, Part, UsageError


class Dropout(nn.Module, Part, kw_only=True):
    """Zeroes a share `rate` of the elements and divides the others by `1 - rate`.

    An element is kept or not by a hash of (the example's key, this layer's path, the element's
    indices), so the draw depends neither on the row's place in the batch nor on the padded length.
    A counter hash of two multiplications costs a tenth of Threefry; dropout needs unbiased,
    uncorrelated bits, not cryptographic ones.

    Raises:
        UsageError: if `rate` is not in `[0, 1)`.

    Example:
        >>> keys = jax.random.split(jax.random.key(0), 2)
        >>> y = Dropout(rate=0.5).apply({}, jnp.ones((2, 3, 4)), keys)
        >>> sorted(set(y.reshape(-1).tolist()))
        [0.0, 2.0]

    Reference: Srivastava et al., Dropout, JMLR 15, 2014; the mixing steps are those of the 32-bit
    finalizer found by Wellons' hash-prospector.
    """

    rate: Annotated[float, AtLeast(0), Below(1)] = 0.1

    def __call__(
        self, x: Float[Array, "batch *features"], keys: Key[Array, " batch"] | None
    ) -> Float[Array, "batch *features"]:
        if not 0.0 <= self.rate < 1.0:
            raise UsageError(f"Dropout.rate is {self.rate}; it must lie in [0, 1).")
        if keys is None or self.rate == 0.0:
            return x
        salt = zlib.crc32("/".join(self.path).encode())
        keep = keep_mask(keys, salt, x.shape[1:], self.rate)
        return jnp.where(keep, x * jnp.asarray(1 / (1 - self.rate), x.dtype), 0)


def keep_mask(
    keys: Key[Array, " batch"], salt: int, shape: tuple[int, ...], rate: float
) -> Bool[Array, "batch *shape"]:
    """Returns True with probability `1 - rate` for each element of `[batch, *shape]`."""
    seed = _seed(keys, salt)
    for size in shape:
        # One mix an axis: all but the last are small, and no draw depends on another axis' extent.
        seed = _mix(seed[..., None] + _steps(size))
    return seed >= jnp.uint32(round(rate * 2**32))


def _seed(keys: Key[Array, " batch"], salt: int) -> UInt32[Array, " batch"]:
    words = jax.random.key_data(keys).astype(jnp.uint32)
    seed = jnp.full(words.shape[:1], salt, jnp.uint32)
    for i in range(words.shape[-1]):
        seed = _mix(seed ^ words[:, i])
    return seed


def _steps(size: int) -> UInt32[Array, " size"]:
    # A Weyl sequence: neighbouring counters already differ in high bits before they are mixed.
    return jnp.arange(size, dtype=jnp.uint32) * jnp.uint32(0x9E3779B1)


def _mix(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    x = (x ^ (x >> 16)) * jnp.uint32(0x21F0AAAD)
    return (x ^ (x >> 15)) * jnp.uint32(0x735A2D97)
