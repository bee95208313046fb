"""The transformer encoder: blocks, masks, positions and norms are slots."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Key, Shaped

from jaxemb.config import Above, AtLeast, Below, Between, Part, UsageError
from jaxemb.encoders.base import LayeredEncoder
from jaxemb.encoders.loops import LayerLoop, Run, Unrolled, folded
from jaxemb.nn import (
    GELU,
    Activation,
    AttentionMask,
    Bidirectional,
    Block,
    Checkpointed,
    Dropout,
    ExactGELU,
    LayerNorm,
    Learned,
    NoNorm,
    Norm,
    PositionEncoding,
    PostNorm,
    PreNorm,
    Sizes,
    WithSegment,
)
from jaxemb.runtime.shapes import Depths, States


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer(Part):
    """What a layer of a transformer has of its own; None is what the transformer has.

    Attributes:
        mask: which positions its tokens may attend to.
        position: how its queries and keys are rotated, and what is added to its scores.
        block: its form.
    """

    mask: AttentionMask | None = None
    position: PositionEncoding | None = None
    block: Block | None = None


class Transformer(LayeredEncoder, kw_only=True):
    """Blocks over token vectors; every depth is read through one shared norm.

    `h₀ = embedding_norm(embedding_scale x + positions)`, `hₙ = block_n(hₙ₋₁)`,
    `states[n-1] = norm(hₙ)` for `n = 1 .. layers`. The embedding layer is not among the states. The
    kernels that write to the residual stream start small: an untrained state is near its token's
    vector, and has read the other tokens too.

    The mask may hold whole numbers for segments in place of truth values, see `AttentionMask`. Where
    padding stands on the left, positions count from the first real token.

    Attributes:
        layers: blocks.
        width: of the token vectors and the states.
        heads: of each attention.
        hidden: of each feed-forward network; None is four times the width.
        mask: which positions a token may attend to.
        position: how order is told.
        activation: of the feed-forward networks.
        norm: of the states that are read; the same one at every depth. Vectors are compared by
            angle, so none is needed, and a norm of each token would take the weights out of a
            fitted table whose rare tokens are longer.
        dropout: rate on token vectors and both residual branches.
        attention_dropout: rate on attention weights. On a GPU it costs the fused attention, which
            keeps no weights that could be dropped.
        dtype: of products and activations by name; parameters, norms and softmax are float32.
        block: where the norms stand, and the forms of attention and feed-forward network.
        embedding_norm: of the token vectors with their positions.
        embedding_scale: what the token vectors are multiplied with first.
        pattern: what layers have of their own: layer `n` takes item `n` modulo their number.
        loop: whether layers are compiled one by one or as a loop of one.

    Raises:
        UsageError: if `width` is not a multiple of `heads`, where the form gives no `head_dim`.

    Example:
        >>> import jax
        >>> encoder = Transformer(layers=3, width=8, heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((3, 2, 5, 8), ['block_0', 'block_1', 'block_2', 'position'])

    Reference: Vaswani et al., Attention Is All You Need, arXiv:1706.03762.
    """

    width: Annotated[int, Between(1, 2**22)] = 128
    heads: Annotated[int, AtLeast(1)] = 4
    hidden: Annotated[int, Between(1, 2**22)] | None = None
    mask: AttentionMask = Bidirectional()
    position: PositionEncoding = dataclasses.field(default_factory=Learned)
    activation: Activation = GELU()
    norm: Norm = dataclasses.field(default_factory=NoNorm)
    dropout: Annotated[float, AtLeast(0), Below(1)] = 0.1
    attention_dropout: Annotated[float, AtLeast(0), Below(1)] = 0.0
    dtype: str = "float32"
    block: Block = PreNorm()
    embedding_norm: Norm = dataclasses.field(default_factory=NoNorm)
    embedding_scale: Annotated[float, Above(0)] = 1.0
    pattern: tuple[Layer, ...] = ()
    loop: LayerLoop = Unrolled()

    @nn.compact
    def __call__(
        self,
        x: States,
        mask: Shaped[Array, "batch tokens"],
        keys: Key[Array, " batch"] | None = None,
    ) -> Depths:
        x = self._embedded(x, mask, keys)
        kinds = dict.fromkeys(self._own(n) for n in range(self.layers))
        readings = {own: self._reading(own, mask) for own in kinds}
        runs = [
            Run(block, readings[self._own(n)], self._keys(n, keys))
            for n, block in enumerate(self._blocks())
        ]
        states = self.loop.states(x, runs, len(self.pattern) or 1)
        return jnp.stack([self.norm(state) for state in states])

    def _own(self, n: int) -> Layer:
        return self.pattern[n % len(self.pattern)] if self.pattern else Layer()

    def _embedded(self, x: Array, mask: Array, keys: Array | None) -> Array:
        x = x.astype(jnp.dtype(self.dtype))
        x = x if self.embedding_scale == 1 else x * jnp.asarray(self.embedding_scale, x.dtype)
        x = self.embedding_norm(self.position.embed(x, self.mask.positions(mask)))
        return Dropout(rate=self.dropout, name="dropout")(x, keys)

    def _reading(self, own: Layer, mask: Array) -> dict:
        """How a layer's tokens read each other: arguments of its block."""
        position = self.position
        if own.position is not None:
            name = f"position_{self.pattern.index(own)}"
            position = own.position.clone(parent=self, name=name)
        return {
            "allowed": (own.mask or self.mask)(mask),
            "bias": position.bias(mask.shape[1], self.heads),
            "rotate": position.rotate,
        }

    def _blocks(self) -> Sequence[nn.Module]:
        """The block of each layer."""
        return [self._block(n) for n in range(self.layers)]

    def _block(self, n: int) -> nn.Module:
        form = self._own(n).block or self.block
        return form.layer(self.sizes, name=f"block_{n}")

    def _keys(self, n: int, keys: Array | None) -> Array | None:
        """What layer `n` draws its dropout from."""
        return keys

    def checkpointed(self) -> "Transformer":
        """Returns the same network that keeps each block's input and computes the rest again."""
        pattern = tuple(
            own
            if own.block is None
            else dataclasses.replace(own, block=Checkpointed(inner=own.block))
            for own in self.pattern
        )
        return dataclasses.replace(self, block=Checkpointed(inner=self.block), pattern=pattern)

    @property
    def sizes(self) -> Sizes:
        """What all blocks have in common."""
        return Sizes(
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            activation=self.activation,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            dtype=self.dtype,
        )


def _bert_positions() -> WithSegment:
    return WithSegment(inner=Learned())


def _bert_norm() -> LayerNorm:
    return LayerNorm(epsilon=1e-12)


class PostNormTransformer(Transformer, kw_only=True):
    """The settings of a `Transformer` that make it a BERT: a norm after each branch.

    Example:
        >>> import jax
        >>> encoder = PostNormTransformer(layers=2, width=8, heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((2, 2, 5, 8), ['block_0', 'block_1', 'embedding_norm', 'position'])

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    position: PositionEncoding = dataclasses.field(default_factory=_bert_positions)
    activation: Activation = ExactGELU()
    block: Block = PostNorm()
    embedding_norm: Norm = dataclasses.field(default_factory=_bert_norm)


class SharedTransformer(Transformer, kw_only=True):
    """A `Transformer` whose layers share parameters: layer `n` is block `n // repeats`.

    Dropout differs from layer to layer all the same.

    Attributes:
        repeats: layers in a row that are one block; None is all of them.

    Raises:
        UsageError: if `repeats` is below 1.

    Example:
        >>> import jax
        >>> encoder = SharedTransformer(layers=3, width=8, heads=2)
        >>> x, mask = jnp.ones((2, 5, 8)), jnp.ones((2, 5), bool)
        >>> states, variables = encoder.init_with_output(jax.random.key(0), x, mask)
        >>> states.shape, sorted(variables["params"])
        ((3, 2, 5, 8), ['block_0', 'position'])

    Reference: Lan et al., ALBERT, arXiv:1909.11942.
    """

    repeats: Annotated[int, AtLeast(1)] | None = None

    def _blocks(self) -> Sequence[nn.Module]:
        repeats = self.layers if self.repeats is None else self.repeats
        if repeats < 1:
            raise UsageError(f"SharedTransformer.repeats is {repeats}; it must be at least 1.")
        own = [self._block(n) for n in range(-(-self.layers // repeats))]
        return [own[n // repeats] for n in range(self.layers)]

    def _keys(self, n: int, keys: Array | None) -> Array | None:
        return folded(keys, n)
