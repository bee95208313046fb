"""Batches in which some tokens of a text are hidden, for losses that ask for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import Between, UsageError, check_ranges, fingerprint
from jaxemb.data.base import Batches, Dataset
from jaxemb.data.pairs import Pairs
from jaxemb.text import MASK, SPECIALS, TextBatch, Tokenizer

NOT_ASKED = -100
"""A target that no loss asks for."""
_MASKS = (SPECIALS[MASK], "<mask>")


@dataclass(frozen=True, kw_only=True)
class Masked(Dataset):
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

    inner: Dataset = Pairs()
    column: str = "query"
    share: Annotated[float, Between(0, 1)] = 0.15

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.column not in self.inner.columns:
            raise UsageError(
                f"Masked reads the column {self.column!r}; the inner data has "
                f"{', '.join(self.inner.columns)}."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "masked", "masked_targets")

    @property
    def batch_size(self) -> int | None:
        """The inner data's."""
        return getattr(self.inner, "batch_size", None)

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return iter(self.inner.texts())

    def batches(self, model: Any, *, seed: int) -> "MaskedBatches":
        return MaskedBatches(self, model, seed)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])


class MaskedBatches(Batches):
    """The inner batches; what is hidden in batch `n` depends on the seed and `n` alone."""

    def __init__(self, data: Masked, model: Any, seed: int):
        self.data, self.seed, self.position = data, seed, 0
        tokenizer = model.tokenizer_of(data.column)
        self._mask, self._size = mask_piece(tokenizer), tokenizer.size
        self._marks = np.unique([self._mask, *tokenizer.encode([""])[0].tolist()])
        self._inner = data.inner.batches(model, seed=seed)

    def __next__(self) -> dict[str, Any]:
        batch = next(self._inner)
        draw = np.random.default_rng((self.seed, self.position))
        self.position += 1
        masked, targets = self._hidden(batch[self.data.column], draw)
        return {**batch, "masked": masked, "masked_targets": targets}

    def _hidden(
        self, texts: TextBatch, draw: np.random.Generator
    ) -> tuple[TextBatch, Int[np.ndarray, "rows tokens"]]:
        ids = np.asarray(texts.ids)
        asked = np.asarray(texts.mask) & ~np.isin(ids, self._marks)
        asked &= draw.random(ids.shape) < self.data.share
        kind = draw.random(ids.shape)
        seen = np.where(asked & (kind < 0.8), self._mask, ids)
        other = draw.integers(self._size, size=ids.shape)
        seen = np.where(asked & (kind >= 0.9), other, seen).astype(np.int32)
        return texts._replace(ids=seen), np.where(asked, ids, NOT_ASKED).astype(np.int32)

    def renew(self, step: int, model: Any) -> None:
        self._inner.renew(step, model)

    def get_state(self) -> dict[str, Any]:
        return {"position": self.position, "seed": self.seed, "inner": self._inner.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get("seed") != self.seed:
            raise UsageError("the saved position is of another seed")
        self.position = state["position"]
        self._inner.set_state(state["inner"])

    def close(self) -> None:
        self._inner.close()


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
