"""A whole text from the vector of its damaged self, written by a decoder of the loss's own."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.heads import CausalDecoder, TextDecoder
from jaxemb.losses.base import Columns, LossState, Term, column
from jaxemb.losses.classification import cross_entropy
from jaxemb.losses.language import token_term
from jaxemb.losses.restoring import Restoring


@dataclasses.dataclass(frozen=True, kw_only=True)
class Denoising(Restoring):
    r"""Each piece of a text from what stands before it and the vector of the damaged text.

    $$-\log p(x_t \mid x_{<t}, v(\tilde x))$$

    The decoder sees nothing else of the damaged text, so the vector must hold what is missing. Its
    parameters are the loss's own; the model that is trained is the encoder alone. The loss is the
    mean over all pieces of the batch but each text's first one; padding gives none.

    Columns: the damaged texts, read as one vector each, and the whole ones, read as pieces.

    Args:
        decoder: vectors and pieces to logits of the pieces that follow.
        column: the damaged texts, such as `Deleted` makes them.
        target: the whole ones.

    Example:
        >>> Denoising(decoder=CausalDecoder(vocabulary=8192), column="damaged", target="query")

    Reference: Wang et al., TSDAE: Using Transformer-based Sequential Denoising Auto-Encoder for
    Unsupervised Sentence Embedding Learning, arXiv:2104.06979 (whose decoder may share the encoder's
    weights; this one has weights of its own).
    """

    decoder: TextDecoder = dataclasses.field(default_factory=CausalDecoder)
    column: str = "query"
    target: str = "positive"

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token`."""
        x = column(columns, self.column, "rows dim").astype(jnp.float32)
        ids, mask = self.text(columns)
        logits = self.decoder.apply({"params": state.params}, x, ids, mask)
        targets = jnp.where(mask[:, 1:] & mask[:, :-1], ids[:, 1:].astype(jnp.int32), -1)
        values = cross_entropy(logits[:, :-1], targets)
        return {"token": token_term(values, targets, columns)}, state.memory
