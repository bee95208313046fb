"""Transformer blocks: attention and a feed-forward network, each in a residual branch."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jaxemb.config import Part
from jaxemb.nn.attention import AttentionForm, MultiHead
from jaxemb.nn.checkpointing import recomputed_module
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.feedforward import MLP, FeedForwardForm
from jaxemb.nn.norm import LayerNorm, Norm
from jaxemb.nn.sizes import Sizes
from jaxemb.runtime.shapes import States


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block(Part, abc.ABC):
    """Slot: how one block of a transformer is made."""

    @abc.abstractmethod
    def layer(self, sizes: Sizes, *, name: str) -> nn.Module:
        """The layer, called as `BlockLayer` is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResidualBlock(Block):
    """Base of blocks of two residual branches; they differ in where the norms stand.

    Attributes:
        attention: how tokens read each other.
        feed_forward: what is done at each token by itself.
        branch_norm: of both residual branches.
        branch_scale: a branch is multiplied with it before it is added.
    """

    attention: AttentionForm = MultiHead()
    feed_forward: FeedForwardForm = MLP()
    branch_norm: Norm = dataclasses.field(default_factory=LayerNorm)
    branch_scale: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreNorm(ResidualBlock):
    """`x + attention(norm(x))`, then `x + feed_forward(norm(x))`; at first both add little.

    Attributes:
        attention_norm: another norm before the attention; None is `branch_norm`.

    Reference: Xiong et al., On Layer Normalization in the Transformer Architecture, arXiv:2002.04745.
    """

    attention_norm: Norm | None = None

    def layer(self, sizes: Sizes, *, name: str) -> "PreNormBlock":
        return PreNormBlock(sizes=sizes, form=self, name=name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostNorm(ResidualBlock):
    """`x = norm(x + attention(x))`, then `norm(x + feed_forward(x))`: the block of BERT.

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    branch_norm: Norm = LayerNorm(epsilon=1e-12)

    def layer(self, sizes: Sizes, *, name: str) -> "PostNormBlock":
        return PostNormBlock(sizes=sizes, form=self, name=name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SandwichNorm(ResidualBlock):
    """`x + norm(attention(norm(x)))`, then `x + norm(feed_forward(norm(x)))`.

    Reference: Ding et al., CogView, arXiv:2105.13290; Gemma Team, Gemma 2, arXiv:2408.00118.
    """

    def layer(self, sizes: Sizes, *, name: str) -> "SandwichNormBlock":
        return SandwichNormBlock(sizes=sizes, form=self, name=name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpointed(Block):
    """`inner`, of which only the input is kept for the backward pass; the rest is computed again.

    The numbers and the parameters are those of `inner`.

    Reference: Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.
    """

    inner: Block = PreNorm()

    def layer(self, sizes: Sizes, *, name: str) -> "CheckpointedBlock":
        return CheckpointedBlock(sizes=sizes, form=self, name=name)


class BlockLayer(nn.Module, kw_only=True):
    """Base of blocks: the two branches, and what they have in common."""

    sizes: Sizes
    form: ResidualBlock

    @nn.compact
    def __call__(
        self,
        x: States,
        allowed: Bool[Array, "#batch 1 #tokens tokens"],
        *,
        bias: Float[Array, "#batch heads tokens tokens"] | None = None,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> States:
        attention = self.form.attention.layer(self.sizes, name="attention")
        feed_forward = self.form.feed_forward.layer(self.sizes, name="feed_forward")

        def read(x: Array) -> Array:
            return attention(x, allowed, bias=bias, rotate=rotate, keys=keys)

        def think(x: Array) -> Array:
            real = jnp.any(allowed, axis=(1, 2))  # what no token may read is padding
            return self.form.feed_forward.called(feed_forward, x, real)

        x = self.residual("attention", x, read, keys)
        return self.residual("feed_forward", x, think, keys)

    def residual(self, name: str, x: Array, branch: Callable, keys: Array | None) -> Array:
        """`x` with a branch added, and normed where the kind of block says so."""
        raise TypeError(f"{type(self).__name__} must define residual")

    def added(self, name: str, x: Array, y: Array, keys: Array | None) -> Array:
        """`x` and what a branch made of it."""
        y = Dropout(rate=self.sizes.dropout, name=f"{name}_dropout")(y, keys)
        return x + (y if self.form.branch_scale == 1 else self.form.branch_scale * y)

    def normed(self, name: str, x: Array, norm: Norm | None = None) -> Array:
        """`x` after a norm with parameters of its own."""
        return (norm or self.form.branch_norm).clone(parent=self, name=name)(x)


class PreNormBlock(BlockLayer, kw_only=True):
    """The layer of `PreNorm`."""

    form: PreNorm = PreNorm()

    def residual(self, name: str, x: Array, branch: Callable, keys: Array | None) -> Array:
        norm = self.form.attention_norm if name == "attention" else None
        return self.added(name, x, branch(self.normed(f"{name}_norm", x, norm)), keys)


class PostNormBlock(BlockLayer, kw_only=True):
    """The layer of `PostNorm`."""

    form: PostNorm = PostNorm()

    def residual(self, name: str, x: Array, branch: Callable, keys: Array | None) -> Array:
        return self.normed(f"{name}_norm", self.added(name, x, branch(x), keys))


class SandwichNormBlock(BlockLayer, kw_only=True):
    """The layer of `SandwichNorm`."""

    form: SandwichNorm = SandwichNorm()

    def residual(self, name: str, x: Array, branch: Callable, keys: Array | None) -> Array:
        y = branch(self.normed(f"{name}_norm", x))
        return self.added(name, x, self.normed(f"{name}_output_norm", y), keys)


class CheckpointedBlock(nn.Module, kw_only=True):
    """The layer of `Checkpointed`."""

    sizes: Sizes
    form: Checkpointed = Checkpointed()

    @nn.compact
    def __call__(
        self,
        x: States,
        allowed: Bool[Array, "#batch 1 #tokens tokens"],
        *,
        bias: Float[Array, "#batch heads tokens tokens"] | None = None,
        rotate: Callable = lambda x: x,
        keys: Key[Array, " batch"] | None = None,
    ) -> States:
        inner = self.form.inner.layer(self.sizes, name="inner")
        nn.share_scope(self, inner)

        def call(layer: nn.Module, x: Array, allowed: Array, bias: Any, keys: Any) -> Array:
            return layer(x, allowed, bias=bias, rotate=rotate, keys=keys)

        return recomputed_module(call)(inner, x, allowed, bias, keys)
