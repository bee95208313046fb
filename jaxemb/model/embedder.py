"""Text to one vector, as parts and pure functions of parameters."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxemb.config import Part, UsageError
from jaxemb.encoders import Encoder
from jaxemb.heads import Head, Normalize
from jaxemb.pooling import Pooling
from jaxemb.text import Text, TextBatch
from jaxemb.tokens import TokenEmbedding

if TYPE_CHECKING:
    import jaxemb.model

Params = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedder(Part):
    """Text to one vector: `head(pooling(encoder(tokens(text))))`; parameters are passed in.

    Example:
        >>> params = embedder.init(jax.random.key(0))
        >>> vectors = embedder.apply(params, batch)          # [batch, dim]
    """

    text: Text
    tokens: TokenEmbedding
    encoder: Encoder
    pooling: Pooling
    head: Head = dataclasses.field(default_factory=Normalize)

    @property
    def network(self) -> "Embedder":
        """Itself: what a recipe's `embedder` comes down to, as in `interop.Pretrained`."""
        return self

    def start(self, key: Array) -> "jaxemb.model.Model":
        """The model that a recipe's stages start from: random parameters, and no tokenizer yet."""
        from jaxemb.model.model import Model

        return Model(embedder=self, params=_initialiser(self)(key))

    def untrained(self, key: Array) -> "jaxemb.model.Model":
        """The model that untrained controls start from: the same."""
        return self.start(key)

    def init(self, key: Array) -> Params:
        """Random parameters, a plain nested dict with one entry a part."""
        keys = dict(
            zip(("tokens", "encoder", "pooling", "head"), jax.random.split(key, 4), strict=True)
        )
        ids, mask = jnp.ones((1, 4), jnp.int32), jnp.ones((1, 4), bool)
        x, tokens = self.tokens.init_with_output(keys["tokens"], ids, **self._table)
        states, encoder = self.encoder.init_with_output(keys["encoder"], x, mask, None)
        vectors, pooling = self.pooling.init_with_output(keys["pooling"], states, mask)
        head = self.head.init(keys["head"], vectors)
        parts = {"tokens": tokens, "encoder": encoder, "pooling": pooling, "head": head}
        return {name: variables.get("params", {}) for name, variables in parts.items()}

    @property
    def _table(self) -> dict[str, int]:
        return {"vocabulary": self.text.vocabulary, "width": self.encoder.width}

    def states(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float[Array, "layers batch tokens width"]:
        """Every hidden state. `keys`, one a text, switch dropout on."""
        ids, mask = jnp.asarray(batch.ids), jnp.asarray(batch.mask)
        x = self.tokens.apply({"params": params["tokens"]}, ids, **self._table)
        return self.encoder.apply({"params": params["encoder"]}, x, mask, keys)

    def read(
        self, params: Params, states: Float[Array, "layers batch tokens width"], mask: Array
    ) -> Float32[Array, "batch dim"]:
        """Hidden states to vectors: pooling, then the head."""
        vectors = self.pooling.apply({"params": params["pooling"]}, states, mask)
        return self.head.apply({"params": params["head"]}, vectors).astype(jnp.float32)

    def apply(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float32[Array, "batch dim"]:
        """Vectors of a batch of texts, `[batch, dim]`."""
        return self.read(params, self.states(params, batch, keys=keys), jnp.asarray(batch.mask))

    def depths(
        self, params: Params, batch: TextBatch, *, keys: Array | None = None
    ) -> Float32[Array, "batch layers dim"]:
        """The vectors that the model would give if it were cut after each of its layers."""
        states = self.states(params, batch, keys=keys)
        mask = jnp.asarray(batch.mask)
        cuts = [self.read(params, states[: n + 1], mask) for n in range(len(states))]
        return jnp.stack(cuts, axis=1)

    def truncated(self, layers: int) -> "Embedder":
        """The same embedder with only its first `layers` layers; it reads the same parameters."""
        depth = self.layers
        if not 1 <= layers <= depth:
            raise UsageError(
                f"layers={layers} is out of range: this model has layers 1 to {depth}."
            )
        if layers == depth:
            return self
        return dataclasses.replace(self, encoder=self.encoder.truncated(layers))

    @property
    def layers(self) -> int:
        """How many layers the encoder has; 1 for a bag."""
        return getattr(self.encoder, "layers", 1)

    def shapes(self) -> Params:
        """The parameters' shapes and dtypes, without computing anything."""
        return jax.eval_shape(self.init, jax.random.key(0))

    @property
    def dim(self) -> int:
        """Width of the output vector."""
        batch = TextBatch(
            jax.ShapeDtypeStruct((1, 4), jnp.int32), jax.ShapeDtypeStruct((1, 4), jnp.bool_)
        )
        return jax.eval_shape(self.apply, self.shapes(), batch).shape[-1]


@functools.lru_cache(maxsize=64)
def _initialiser(embedder: Embedder):
    # One compiled program instead of one for each parameter's shape.
    return jax.jit(embedder.init)
