"""A text from the vector of its lightly masked self and a heavily masked copy."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from jaxemb.heads import MaskedDecoder, TwoStreamDecoder
from jaxemb.losses.base import Columns, LossState, Term, column
from jaxemb.losses.classification import cross_entropy
from jaxemb.losses.embedded import Pieces, Reading, VectorWithLogits, embedded
from jaxemb.losses.language import token_term
from jaxemb.losses.restoring import Restoring
from jaxemb.runtime import own_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedReconstruction(Restoring):
    r"""The hidden pieces of a text from those left to see and the vector of its masked self.

    $$-\log p(x_t \mid v(\tilde x), s_t(x))$$

    $s_t(x)$ are the pieces that the decoder leaves visible, drawn each step by a text's place in the
    batch; few of them, so that the vector must tell the rest. The decoder's parameters are the loss's
    own; the model that is trained is the encoder alone. The loss is the mean over all pieces of the
    batch that are asked for, marks at a text's ends included; padding gives none.

    Columns: texts that were masked a little, such as `Masked` makes them, read as one vector each, and
    the whole ones, read as pieces.

    Args:
        decoder: vectors and visible pieces to logits of the hidden ones.
        column: the masked texts.
        target: the whole ones.

    Example:
        >>> MaskedReconstruction(decoder=TwoStreamDecoder(vocabulary=8192, share=0.5))

    Reference: Xiao et al., RetroMAE: Pre-Training Retrieval-oriented Language Models Via Masked
    Auto-Encoder, arXiv:2205.12035 (whose decoder shares the encoder's token table; this one has a
    table of its own).
    """

    decoder: MaskedDecoder = dataclasses.field(default_factory=TwoStreamDecoder)
    column: str = "masked"
    target: str = "query"

    def drawn(self, key: Key[Array, ""]) -> tuple[Any, ...]:
        """The key of one text."""
        return (jax.random.split(key, 1),)

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token`."""
        x = column(columns, self.column, "rows dim").astype(jnp.float32)
        ids, mask = self.text(columns)
        ids, mask = from_the_start(ids.astype(jnp.int32), mask)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, own_rows(len(x), axis))
        logits, asked = self.decoder.apply({"params": state.params}, x, ids, mask, keys)
        targets = jnp.where(asked, ids, -1)
        term = token_term(cross_entropy(logits, targets), targets, columns)
        return {"token": term}, state.memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedAutoEncoding(MaskedReconstruction):
    r"""`MaskedReconstruction`, and masked language modelling by the same pass of the encoder.

    $$-\log p(x_t \mid \tilde x) - \log p(x_t \mid v(\tilde x), s_t(x))$$

    each summand the mean over the pieces that it asks for. The network needs an `output`.

    Columns: as `MaskedReconstruction`, and `<column>_targets` `[rows, tokens]`: the piece that was
    masked, or a negative number where none was.

    Args:
        decoder: vectors and visible pieces to logits of the hidden ones.
        column: the masked texts.
        target: the whole ones.

    Example:
        >>> MaskedAutoEncoding(decoder=TwoStreamDecoder(vocabulary=8192))

    Reference: Xiao et al., RetroMAE, arXiv:2205.12035, equation 2.
    """

    @property
    def needs(self) -> tuple[str, ...]:
        """Both columns, and what was masked."""
        return (self.column, self.target, f"{self.column}_targets")

    @property
    def reads(self) -> Mapping[str, Reading]:
        """Vectors and logits of the masked texts, and the pieces of the whole ones."""
        return {self.column: VectorWithLogits(), self.target: Pieces()}

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token` of the decoder, and `masked` of the encoder."""
        terms, memory = super().apply(state, columns, key=key, axis=axis)
        extra = embedded(columns[self.column]).extra
        asked = column(columns, f"{self.column}_targets", "rows tokens").astype(jnp.int32)
        targets = jnp.where(extra["mask"], asked, -1)
        values = cross_entropy(extra["logits"], targets)
        return terms | {"masked": token_term(values, targets, columns)}, memory


def from_the_start(
    ids: Int[Array, "rows tokens"], mask: Bool[Array, "rows tokens"]
) -> tuple[Int[Array, "rows tokens"], Bool[Array, "rows tokens"]]:
    """Texts moved to the first place of their row, whichever side they were padded on.

    Example:
        >>> ids, mask = from_the_start(jnp.array([[0, 7, 8]]), jnp.array([[False, True, True]]))
        >>> ids.tolist(), mask.tolist()
        ([[7, 8, 0]], [[True, True, False]])
    """
    tokens = mask.shape[1]
    place = (jnp.arange(tokens) + jnp.argmax(mask, axis=1)[:, None]) % tokens
    return tuple(jnp.take_along_axis(x, place, axis=1) for x in (ids, mask))
