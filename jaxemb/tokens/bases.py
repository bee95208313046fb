"""Token vectors without a table: fixed functions of the token's id."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int

from jaxemb.config import Above, AtLeast, Between, Part
from jaxemb.nn import GatedFeedForward
from jaxemb.runtime.shapes import States, TokenIds
from jaxemb.tokens.embedding import TokenEmbedding


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basis(Part, abc.ABC):
    """Slot: `width` fixed functions of an id, which is first brought to `x = 2 id / (V - 1) - 1`.

    How well two ids are told apart depends on how near they are: a tokenizer whose ids are sorted
    by frequency, as those of `Words` are, puts like tokens side by side.
    """

    @abc.abstractmethod
    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        """Returns the functions' values at `ids`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fourier(Basis):
    """`sin(f π x)` and `cos(f π x)` in turn, for f = 1, 1, 2, 2, 3, 3, …

    Each vector has the length √(width / 2). The period is that of the ids: the first and the last
    have one vector; the first is padding, which nothing reads.

    Example:
        >>> [round(v, 3) for v in Fourier()(jnp.array([1]), vocabulary=5, width=4)[0].tolist()]
        [-1.0, 0.0, 0.0, -1.0]

    Reference: Ndubuaku and Talhi, Parameter-Efficient Transformer Embeddings, arXiv:2505.02266.
    """

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        frequency = jnp.arange(width, dtype=jnp.uint32) // 2 + 1
        period = jnp.uint32(max(vocabulary - 1, 1))
        # Whole numbers: a product of a high frequency and an id would lose its phase in float32.
        turns = (ids[..., None].astype(jnp.uint32) * frequency) % period
        angle = 2 * jnp.pi * turns.astype(jnp.float32) / period.astype(jnp.float32)
        sign = jnp.where(frequency % 2 == 0, 1.0, -1.0)  # that of the shift by -1
        even = jnp.arange(width) % 2 == 0
        return sign * jnp.where(even, jnp.sin(angle), jnp.cos(angle))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chebyshev(Basis):
    """Chebyshev's polynomials of degrees 1 to `width`, `cos(n arccos x)`.

    Example:
        >>> [round(v, 3) for v in Chebyshev()(jnp.array([2]), vocabulary=5, width=4)[0].tolist()]
        [-0.0, -1.0, 0.0, 1.0]
    """

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        degree = jnp.arange(1, width + 1, dtype=jnp.float32)
        return jnp.cos(jnp.arccos(scaled(ids, vocabulary))[..., None] * degree)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Legendre(Basis):
    """Legendre's polynomials of degrees 1 to `width`, `√(n + 1/2) Pₙ(x)`."""

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        n = np.arange(width)
        x = scaled(ids, vocabulary)
        ones = jnp.ones_like(x)
        values = three_term(x, ones, (2 * n + 1) / (n + 1), 0 * n, -n / (n + 1))
        return values[..., 1:] * jnp.sqrt(jnp.arange(1, width + 1) + 0.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hermite(Basis):
    """Hermite's functions of orders 0 to `width - 1` at `span x`.

    `ψₙ(z) = (2ⁿ n! √π)^(-1/2) exp(-z² / 2) Hₙ(z)`: the polynomials themselves leave float32 at an
    order of about 50.

    Attributes:
        span: the last id's place; higher orders are told apart further out.
    """

    span: Annotated[float, Above(0)] = 8.0

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        n = np.arange(width - 1)
        z = self.span * scaled(ids, vocabulary)
        first = jnp.pi**-0.25 * jnp.exp(-z * z / 2)
        return three_term(z, first, np.sqrt(2 / (n + 1)), 0 * n, -np.sqrt(n / (n + 1)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Laguerre(Basis):
    """Laguerre's functions of orders 0 to `width - 1`, `exp(-z / 2) Lₙ(z)` at `z = span (x + 1) / 2`.

    Attributes:
        span: the last id's place.
    """

    span: Annotated[float, Above(0)] = 32.0

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        n = np.arange(width - 1)
        z = self.span * (scaled(ids, vocabulary) + 1) / 2
        return three_term(z, jnp.exp(-z / 2), -1 / (n + 1), (2 * n + 1) / (n + 1), -n / (n + 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomFeatures(Basis):
    """Fixed random numbers of each id, from N(0, 1/2): the control, in which ids have no order.

    Attributes:
        seed: of all numbers.
    """

    seed: Annotated[int, AtLeast(0)] = 0

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        key = jax.random.key(self.seed)
        draw = lambda i: jax.random.normal(jax.random.fold_in(key, i), (width,))  # noqa: E731
        return jnp.sqrt(0.5) * jax.vmap(draw)(ids.ravel()).reshape(*ids.shape, width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PermutedIds(Basis):
    """The inner basis of ids that are dealt out anew: what the order of the ids is worth.

    Every id takes the features of another one, so that tokens of like frequency no longer lie side
    by side. Which one depends on the vocabulary's size and the seed.

    Attributes:
        inner: the functions.
        seed: of the order.

    Example:
        >>> ids = jnp.arange(5)
        >>> features = PermutedIds()(ids, vocabulary=5, width=4)
        >>> bool((jnp.sort(features, 0) == jnp.sort(Fourier()(ids, vocabulary=5, width=4), 0)).all())
        True
    """

    inner: Basis = Fourier()
    seed: Annotated[int, AtLeast(0)] = 0

    def __call__(
        self, ids: Int[Array, "*batch"], *, vocabulary: int, width: int
    ) -> Float32[Array, "*batch width"]:
        order = np.random.default_rng(self.seed).permutation(vocabulary).astype(np.int32)
        moved = jnp.asarray(order).at[ids].get(mode="clip")
        return self.inner(moved, vocabulary=vocabulary, width=width)


def scaled(ids: Int[Array, "*batch"], vocabulary: int) -> Float32[Array, "*batch"]:
    """Ids to [-1, 1]: `2 id / (V - 1) - 1`."""
    return 2 * ids.astype(jnp.float32) / max(vocabulary - 1, 1) - 1


def three_term(
    x: Float32[Array, "*batch"],
    first: Float32[Array, "*batch"],
    slope: np.ndarray,
    offset: np.ndarray,
    before: np.ndarray,
) -> Float32[Array, "*batch orders"]:
    """`vₙ₊₁ = (slopeₙ x + offsetₙ) vₙ + beforeₙ vₙ₋₁` from `v₀ = first` on."""

    def step(last, coefficients):
        value, older = last
        a, b, c = coefficients
        after = (a * x + b) * value + c * older
        return (after, value), after

    coefficients = jnp.stack([jnp.asarray(c, jnp.float32) for c in (slope, offset, before)], 1)
    _, values = jax.lax.scan(step, (first, jnp.zeros_like(first)), coefficients)
    return jnp.moveaxis(jnp.concatenate([first[None], values]), 0, -1)


class BasisFeatures(TokenEmbedding, kw_only=True):
    """Fixed functions of the id and nothing else, `x = T(id)`; no parameters."""

    basis: Basis = Fourier()

    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        return self.basis(ids, vocabulary=vocabulary, width=width)


class BasisEmbedding(TokenEmbedding, kw_only=True):
    """Fixed functions of the id and a small network of them, `x = T(id) + geglu(T(id))`.

    The number of parameters does not depend on the vocabulary.

    Attributes:
        basis: `T`.
        hidden: features inside the network; None is four times the width.

    Example:
        >>> import jax
        >>> ids = jnp.array([[2, 7, 3, 0]])
        >>> x, variables = BasisEmbedding().init_with_output(
        ...     jax.random.key(0), ids, vocabulary=30000, width=4)
        >>> x.shape, sum(leaf.size for leaf in jax.tree.leaves(variables))
        ((1, 4, 4), 228)

    Reference: Ndubuaku and Talhi, Parameter-Efficient Transformer Embeddings, arXiv:2505.02266.
    """

    basis: Basis = Fourier()
    hidden: Annotated[int, Between(1, 2**22)] | None = None

    @nn.compact
    def __call__(self, ids: TokenIds, *, vocabulary: int, width: int) -> States:
        features = self.basis(ids, vocabulary=vocabulary, width=width)
        return features + GatedFeedForward(hidden=self.hidden or 4 * width, name="network")(
            features
        )
