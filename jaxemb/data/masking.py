"""Batches in which some tokens of a text are hidden, for losses that ask for them."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import Between, UsageError
from jaxemb.data.noise import DamagedBatches, Damaging
from jaxemb.text import MASK, SPECIALS, TextBatch, Tokenizer

NOT_ASKED = -100
"""A target that no loss asks for."""
_MASKS = (SPECIALS[MASK], "<mask>")


@dataclass(frozen=True, kw_only=True)
class Masked(Damaging):
    """The inner data with the texts of a column again, in which a share of the tokens is hidden.

    Adds `masked`, the texts, and `masked_targets` `[rows, tokens]`, the tokens that stood there and
    a negative number everywhere else; `MaskedLanguageModel(column="masked")` reads them. Of the
    tokens that are asked, four in five become the mask, one in ten any piece of the vocabulary, and
    the rest stay. Marks at a text's ends are never asked. What is hidden is drawn anew in each batch.

    Raises:
        UsageError: the inner data has no such column, `share` is no share, or the tokenizer has no
            piece for what is hidden.

    Example:
        >>> Masked(inner=Pairs()).columns[-2:]
        ('masked', 'masked_targets')

    Reference: Devlin et al., BERT, arXiv:1810.04805, section 3.1.
    """

    share: Annotated[float, Between(0, 1)] = 0.15

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "masked", "masked_targets")

    def batches(self, model: Any, *, seed: int) -> "MaskedBatches":
        return MaskedBatches(self, model, seed)


class MaskedBatches(DamagedBatches):
    """Texts in which pieces are hidden, and what stood there."""

    def __init__(self, data: Masked, model: Any, seed: int):
        tokenizer = model.tokenizer_of(data.column)
        self._mask, self._size = mask_piece(tokenizer), tokenizer.size
        super().__init__(data, model, seed)

    def added(self, texts: TextBatch, draw: np.random.Generator) -> dict[str, Any]:
        masked, targets = self._hidden(texts, draw)
        return {"masked": masked, "masked_targets": targets}

    def _hidden(
        self, texts: TextBatch, draw: np.random.Generator
    ) -> tuple[TextBatch, Int[np.ndarray, "rows tokens"]]:
        ids = np.asarray(texts.ids)
        asked = np.asarray(texts.mask) & ~self.marks_in(texts) & (ids != self._mask)
        asked &= draw.random(ids.shape) < self.data.share
        kind = draw.random(ids.shape)
        seen = np.where(asked & (kind < 0.8), self._mask, ids)
        other = draw.integers(self._size, size=ids.shape)
        seen = np.where(asked & (kind >= 0.9), other, seen).astype(np.int32)
        return texts._replace(ids=seen), np.where(asked, ids, NOT_ASKED).astype(np.int32)


def mask_piece(tokenizer: Tokenizer) -> int:
    """The id of the piece that stands for a hidden token.

    Raises:
        UsageError: the tokenizer has none.
    """
    pieces = tokenizer.pieces()
    found = next((piece for piece in _MASKS if piece in pieces), None)
    if found is None:
        raise UsageError(f"the tokenizer has no piece {' or '.join(_MASKS)} for a hidden token")
    return pieces.index(found)
