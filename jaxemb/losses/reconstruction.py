"""The text itself from its one vector, by a decoder that belongs to the loss."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.heads import RecursiveDecoder, TokenDecoder
from jaxemb.losses.base import Columns, Loss, LossState, Term
from jaxemb.losses.classification import cross_entropy
from jaxemb.losses.embedded import Embedded, Reading, VectorWithPieces, embedded
from jaxemb.losses.language import token_term


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reconstruction(Loss):
    r"""Every token of a text from its vector, all at once: $-\log p(x_t \mid v, |x|)$.

    The decoder is told how long a text is, and nothing else but its vector. Its parameters are the
    loss's own, so the model that is trained is the encoder alone. The loss is the mean over all tokens
    of the batch; padding gives none.

    Columns: the column of texts, each of one vector.

    Args:
        decoder: vectors to logits of tokens.
        column: which texts.

    Example:
        >>> Reconstruction(decoder=RecursiveDecoder(vocabulary=261))

    Reference: Zhang and LeCun, Byte-Level Recursive Convolutional Auto-Encoder for Text,
    arXiv:1802.01817.
    """

    decoder: TokenDecoder = dataclasses.field(default_factory=RecursiveDecoder)
    column: str = "query"

    @property
    def needs(self) -> tuple[str, ...]:
        """The texts."""
        return (self.column,)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The texts."""
        return (self.column,)

    @property
    def reads(self) -> Mapping[str, Reading]:
        """The vector of a text, and its tokens."""
        return {self.column: VectorWithPieces()}

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The decoder's parameters, drawn."""
        found = embedded(columns[self.column])
        vector = jnp.zeros((1, *found.vectors.shape[1:]))
        mask = jnp.ones((1, *found.extra["mask"].shape[1:]), bool)
        return LossState(self.decoder.init(key, vector, mask).get("params", {}), {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token`."""
        found = embedded(columns[self.column])
        targets = jnp.where(found.extra["mask"], found.extra["ids"].astype(jnp.int32), -1)
        values = cross_entropy(self.logits(state.params, found), targets)
        return {"token": token_term(values, targets, columns)}, state.memory

    def logits(self, params: Any, found: Embedded) -> Array:
        """The decoder's scores `[rows, tokens, vocabulary]`, zeros at padding."""
        vectors = found.vectors.astype(jnp.float32)
        return self.decoder.apply({"params": params}, vectors, found.extra["mask"])

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the parameters that they start at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]
