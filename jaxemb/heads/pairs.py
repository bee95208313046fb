"""Heads over pairs of vectors: what a classifier of two texts reads."""

import abc
import dataclasses

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float32

from jaxemb.config import Part, UsageError
from jaxemb.heads.base import Head, Linear
from jaxemb.runtime.shapes import Vectors


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairFeature(Part, abc.ABC):
    """Slot: a vector of two vectors `u` and `v`, number by number."""

    @abc.abstractmethod
    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        """Returns the feature."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class First(PairFeature):
    """`u` itself."""

    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        return u


@dataclasses.dataclass(frozen=True, kw_only=True)
class Second(PairFeature):
    """`v` itself."""

    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        return v


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference(PairFeature):
    """`u - v`, which tells the two apart."""

    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        return u - v


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbsoluteDifference(PairFeature):
    """`|u - v|`, the same for `v, u`."""

    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        return jnp.abs(u - v)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product(PairFeature):
    """`u ⊙ v`, the same for `v, u`; it sums to the dot product."""

    def __call__(
        self, u: Float32[Array, "*batch dim"], v: Float32[Array, "*batch dim"]
    ) -> Float32[Array, "*batch dim"]:
        return u * v


class PairHead(nn.Module, Part, kw_only=True):
    """Two vectors to numbers such as class logits: `inner([u, v, |u - v|, u ⊙ v])`.

    Attributes:
        features: what `inner` reads, one after the other.
        inner: of all features to the result, such as `Linear(dim=3)` or a `FeedForwardHead`.

    Raises:
        UsageError: if there are no features.

    Example:
        >>> u, v = jnp.ones((4, 8)), jnp.zeros((4, 8))
        >>> logits, variables = PairHead().init_with_output(jax.random.key(0), u, v)
        >>> logits.shape, variables["params"]["inner"]["kernel"].shape
        ((4, 3), (32, 3))

    Reference: Conneau et al., Supervised Learning of Universal Sentence Representations from
    Natural Language Inference Data, arXiv:1705.02364; Reimers and Gurevych, Sentence-BERT,
    arXiv:1908.10084.
    """

    features: tuple[PairFeature, ...] = (First(), Second(), AbsoluteDifference(), Product())
    inner: Head = dataclasses.field(default_factory=lambda: Linear(dim=3))

    def __call__(self, u: Vectors, v: Vectors) -> Float32[Array, "batch out"]:
        if not self.features:
            raise UsageError("pair_head needs features, as in features=(absolute_difference,).")
        return self.inner(jnp.concatenate([feature(u, v) for feature in self.features], axis=-1))
