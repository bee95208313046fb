"""Text to vectors: one tower over token ids."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxemb.encoders import Encoder
from jaxemb.heads import Head, Normalize, Output
from jaxemb.losses import Cosine, Similarity
from jaxemb.model.network import Params
from jaxemb.model.tower import OneTower
from jaxemb.pooling import Pooling
from jaxemb.runtime.shapes import TokenMask
from jaxemb.text import Text, TextBatch
from jaxemb.tokens import TokenEmbedding


@dataclasses.dataclass(frozen=True, kw_only=True)
class Embedder(OneTower):
    """Text to one vector: `head(pooling(encoder(tokens(text))))`; parameters are passed in.

    With a pooling such as `EachToken` a text has several vectors.

    Args:
        text: how text becomes ids.
        tokens: ids to vectors.
        encoder: vectors to hidden states.
        pooling: hidden states to a vector, or several.
        head: vectors to the vectors that are returned.
        output: hidden states to logits of the vocabulary, for losses that predict tokens.
        similarity: how vectors are compared when texts are searched for.

    Example:
        >>> params = embedder.init(jax.random.key(0))
        >>> vectors = embedder.apply(params, batch)          # [batch, dim]
    """

    text: Text
    tokens: TokenEmbedding
    encoder: Encoder
    pooling: Pooling
    head: Head = dataclasses.field(default_factory=Normalize)
    output: Output | None = None
    similarity: Similarity = Cosine()

    @property
    def _table(self) -> dict[str, int]:
        return {"vocabulary": self.text.vocabulary, "width": self.encoder.width}

    def place(self, tokens: Params, batch: TextBatch) -> tuple[Array, TokenMask]:
        """Each token's vector, and which tokens are real."""
        ids = jnp.asarray(batch.ids)
        return self.tokens.apply({"params": tokens}, ids, **self._table), jnp.asarray(batch.mask)

    def init_tokens(self, key: Array) -> tuple[Array, Params]:
        """Four tokens, and a fresh token table."""
        ids = jnp.ones((1, 4), jnp.int32)
        x, made = self.tokens.init_with_output(key, ids, **self._table)
        return x, made.get("params", {})

    def largest(self, column: str, rows: int = 1) -> TextBatch:
        """The shapes of a batch of texts as long as are read in a column."""
        return self.example(rows, self.text.limit("query" if column == "query" else "document"))

    @staticmethod
    def example(rows: int = 1, tokens: int = 4) -> TextBatch:
        """The shapes of a batch of texts."""
        shape = (rows, tokens)
        return TextBatch(
            jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape, jnp.bool_)
        )
