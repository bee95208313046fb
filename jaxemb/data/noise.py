"""Batches in which a text stands again, damaged: what losses restore it from."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool

from jaxemb.config import Below, Between, UsageError, check_ranges, fingerprint
from jaxemb.data.base import Batches, Dataset
from jaxemb.data.pairs import Pairs
from jaxemb.text import TextBatch


@dataclass(frozen=True, kw_only=True)
class Damaging(Dataset, abc.ABC):
    """Base of the inner data with the texts of a column again, damaged anew in each batch.

    Raises:
        UsageError: the inner data has no such column.
    """

    inner: Dataset = Pairs()
    column: str = "query"

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.column not in self.inner.columns:
            raise UsageError(
                f"{type(self).__name__} reads the column {self.column!r}; the inner data has "
                f"{', '.join(self.inner.columns)}."
            )

    @property
    def batch_size(self) -> int | None:
        """The inner data's."""
        return getattr(self.inner, "batch_size", None)

    def __len__(self) -> int:
        return len(self.inner)

    def texts(self) -> Iterator[str]:
        return iter(self.inner.texts())

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])


class DamagedBatches(Batches, abc.ABC):
    """The inner batches; what is damaged in batch `n` depends on the seed and `n` alone."""

    def __init__(self, data: Damaging, model: Any, seed: int):
        self.data, self.seed, self.position = data, seed, 0
        self._inner, self._model = data.inner.batches(model, seed=seed), model

    def marks_in(self, texts: TextBatch) -> Bool[np.ndarray, "*rows tokens"]:
        """Which tokens are the marks at a text's ends; what a template writes is text."""
        tokenizer = self._model.tokenizer_of(self.data.column)
        return np.isin(np.asarray(texts.ids), tokenizer.encode([""], prompt="")[0])

    @abc.abstractmethod
    def added(self, texts: TextBatch, draw: np.random.Generator) -> dict[str, Any]:
        """The columns that are made of the texts of a batch."""

    def __next__(self) -> dict[str, Any]:
        batch = next(self._inner)
        draw = np.random.default_rng((self.seed, self.position))
        self.position += 1
        return {**batch, **self.added(batch[self.data.column], draw)}

    def renew(self, step: int, model: Any) -> None:
        self._inner.renew(step, model)

    @property
    def digest(self) -> str:
        return self._inner.digest

    def get_state(self) -> dict[str, Any]:
        return {"position": self.position, "seed": self.seed, "inner": self._inner.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        if state.get("seed") != self.seed:
            raise UsageError("the saved position is of another seed")
        self.position = state["position"]
        self._inner.set_state(state["inner"])

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True, kw_only=True)
class Deleted(Damaging):
    """The inner data with the texts of a column again, from which a share of the pieces is gone.

    Adds `damaged`, the texts as short as they have become; `Denoising(column="damaged")` restores
    the whole text from its vector. Marks at a text's ends stay, and so does one piece at least.

    Args:
        inner: any data with a column of texts.
        column: which texts.
        share: how likely a piece is to go.

    Raises:
        UsageError: the inner data has no such column, or `share` is no share below 1.

    Example:
        >>> Deleted(inner=Pairs()).columns[-1]
        'damaged'

    Reference: Wang et al., TSDAE, arXiv:2104.06979 (which deletes words; a word of several pieces
    loses some of them here).
    """

    share: Annotated[float, Between(0, 1), Below(1)] = 0.6

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.inner.columns, "damaged")

    def batches(self, model: Any, *, seed: int) -> "DeletedBatches":
        return DeletedBatches(self, model, seed)


class DeletedBatches(DamagedBatches):
    """Texts without some of their pieces."""

    def added(self, texts: TextBatch, draw: np.random.Generator) -> dict[str, Any]:
        ids, real = np.asarray(texts.ids), np.asarray(texts.mask)
        marks = self.marks_in(texts)
        chance = np.where(real & ~marks, draw.random(ids.shape), -1.0)
        # Of a text that would lose everything, the piece that was the likeliest to stay does.
        least = np.minimum(chance.max(axis=1, keepdims=True), self.data.share)
        keep = real & (marks | (chance >= least))
        order = np.argsort(~keep, axis=1, kind="stable")
        mask = np.take_along_axis(keep, order, axis=1)
        seen = np.where(mask, np.take_along_axis(ids, order, axis=1), 0).astype(np.int32)
        moved = texts._replace(ids=seen, mask=mask)
        if texts.prompt is not None:
            prompt = np.take_along_axis(np.asarray(texts.prompt), order, axis=1)
            moved = moved._replace(prompt=prompt & mask)
        return {"damaged": moved}
