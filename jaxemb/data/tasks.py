"""Data sets of several tasks as one, whose rows say which task they are of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from jaxemb.config import AtLeast, UsageError, fingerprint, smaller
from jaxemb.data.base import ExampleData
from jaxemb.data.examples import numbered
from jaxemb.data.orders import Order
from jaxemb.data.pipeline import BatchIterator, batches
from jaxemb.data.strata import Alternating, Stratified

_TEXTS = ("query", "positive", "negatives")
_ABSENT: dict[str, Any] = {"label": -1, "score": 0.0, "negatives": ("",)}
"""What stands in a column that one task has and another lacks, and no loss counts."""


@dataclass(frozen=True, kw_only=True)
class SeveralTasks(ExampleData):
    """The examples of several data sets; `family` is the number of the one that a row is of.

    With a loss for each, `Sum(losses=(OfFamily(inner=..., family=0), ...))`, one encoder learns all
    tasks. `order` says which rows stand together: by default each batch is of one task, and all have
    equally many; `SideBySide(orders=(Where(equals=0), Where(equals=1)), shares=(1, 1))` has half a
    batch of each. All have the same texts. Where a column is another task's, `label` is -1, `score`
    0 and `negatives` an empty text, which the losses of other families do not count. Texts are
    numbered anew over all of them; the tasks' own orders are not followed.

    Raises:
        UsageError: no data set, or one lacks a column of another that has no stand-in.

    Example:
        >>> from jaxemb.data import LabelledPairs, Pairs
        >>> SeveralTasks(tasks=(Pairs(), Pairs(view=LabelledPairs()))).columns
        ('query', 'positive', 'query_id', 'positive_id', 'label', 'family')

    Reference: Cer et al., Universal Sentence Encoder, arXiv:1803.11175; for tasks that share each
    step, Li et al., Conan-embedding, arXiv:2408.15710.
    """

    tasks: tuple[ExampleData, ...]
    batch_size: Annotated[int, AtLeast(1)] = 128
    order: Order = Stratified(turns=Alternating())

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UsageError("SeveralTasks needs at least one data set.")
        for n, task in enumerate(self.tasks):
            made = {*task.columns, *(f"{role}_id" for role in _TEXTS), *_ABSENT}
            if missing := [name for name in self.columns[:-1] if name not in made]:
                raise UsageError(
                    f"task {n} of SeveralTasks lacks the column {missing[0]!r} of another task"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        given = dict.fromkeys(name for task in self.tasks for name in task.columns)
        return (*given, "family")

    @property
    def batch_order(self) -> Order:
        return self.order

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        absent = {name: value for name, value in _ABSENT.items() if name in self.columns}
        found = [
            {**absent, **example, "family": n}
            for n, task in enumerate(self.tasks)
            for example in task.examples_for(model)
        ]
        return numbered(found, *(role for role in _TEXTS if role in self.columns))

    def __len__(self) -> int:
        return sum(map(len, self.tasks))

    def texts(self) -> Iterator[str]:
        for task in self.tasks:
            yield from task.texts()

    def batches_of(
        self, examples: Sequence[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> BatchIterator:
        return batches(
            examples, columns, model, batch_size=self.batch_size, seed=seed, order=self.order
        )

    def fingerprint(self) -> str:
        return fingerprint(self, [task.fingerprint() for task in self.tasks])

    def small(self) -> "SeveralTasks":
        return smaller(self, batch_size=8)
