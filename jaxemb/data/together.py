"""Several datasets as one, whose rows say which they are of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError, fingerprint, smaller
from jaxemb.data.base import Batches, ExampleData
from jaxemb.data.orders import Order, Shuffled
from jaxemb.data.pipeline import batches
from jaxemb.data.views import numbered

_TEXTS = ("query", "positive", "negatives")
_MISSING: dict[str, Any] = {"negatives": ("",), "score": 0.0, "label": -1}


@dataclass(frozen=True, kw_only=True)
class Together(ExampleData):
    """The examples of several datasets, one after the other; `family` says which they come from.

    Columns are those that any of them has. Where one has none, `negatives` is an empty text, `score`
    0 and `label` -1: give each family its own loss with `ForFamily`, and no row is judged by what it
    lacks. Texts are numbered anew, so that equal texts have equal numbers across datasets.

    Args:
        parts: the datasets; their own orders and batch sizes are not followed.
        batch_size: of all.
        order: which rows stand together: `Stratified()`, one dataset in each batch;
            `SideBySide(...)`, a share of each in every batch.

    Raises:
        UsageError: there is no part, or one lacks a column for which nothing can stand.

    Example:
        >>> from jaxemb.data import Pairs, SeeAlso
        >>> Together(parts=(Pairs(), Pairs(view=SeeAlso()))).columns
        ('query', 'positive', 'query_id', 'positive_id', 'family')
    """

    parts: tuple[ExampleData, ...]
    batch_size: int = 128
    order: Order = Shuffled()

    def __post_init__(self) -> None:
        if not self.parts or self.batch_size < 1:
            raise UsageError("Together needs at least one dataset and a batch_size of at least 1.")
        for part in self.parts:
            for name in self._shared:
                if name not in part.columns and name.removesuffix("_id") not in _MISSING:
                    raise UsageError(
                        f"A dataset of Together has {', '.join(part.columns)} and lacks {name!r}, "
                        "which another one has."
                    )

    @property
    def _shared(self) -> tuple[str, ...]:
        found = dict.fromkeys(name for part in self.parts for name in part.columns)
        return tuple(name for name in found if name != "family")

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self._shared, "family")

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def texts(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.texts()

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        there = {name: value for name, value in _MISSING.items() if name in self._shared}
        examples = [
            {**there, **example, "family": number}
            for number, part in enumerate(self.parts)
            for example in part.examples_for(model)
        ]
        return numbered(examples, *(role for role in _TEXTS if f"{role}_id" in self._shared))

    def batches_of(
        self, examples: list[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> Batches:
        return batches(
            examples, columns, model, batch_size=self.batch_size, seed=seed, order=self.order
        )

    def fingerprint(self) -> str:
        return fingerprint(self, [part.fingerprint() for part in self.parts])

    def small(self) -> "Together":
        return smaller(self, batch_size=8)
