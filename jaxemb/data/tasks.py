"""Data sets of several tasks, whose batches are each of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jaxemb.config import UsageError, fingerprint, smaller
from jaxemb.data.base import ExampleData
from jaxemb.data.orders import Order
from jaxemb.data.pairs import Pairs
from jaxemb.data.pipeline import BatchIterator, batches
from jaxemb.data.strata import Alternating, Stratified
from jaxemb.data.views import numbered

_TEXTS = ("query", "positive", "negatives")
_ABSENT = {"label": -1}
"""What stands in a column that one task has and another lacks, and no loss counts."""


@dataclass(frozen=True, kw_only=True)
class SeveralTasks(ExampleData):
    """The examples of several data sets, whose number is `family`, in batches of one of them each.

    With a loss for each, `Sum(losses=(OfFamily(inner=..., family=0), ...))`, one encoder learns the
    tasks in turn. All have the same texts; where one has the column `label` and another none, the
    other's is -1, which losses leave out. Texts are numbered anew over all of them. By
    `order` the tasks alternate batch by batch.

    Raises:
        UsageError: no data set, or one lacks a column of another that has no stand-in.

    Example:
        >>> from jaxemb.data import LabelledPairs
        >>> SeveralTasks(tasks=(Pairs(), Pairs(view=LabelledPairs()))).columns
        ('query', 'positive', 'query_id', 'positive_id', 'label', 'family')

    Reference: Cer et al., Universal Sentence Encoder, arXiv:1803.11175.
    """

    tasks: tuple[Pairs, ...]
    batch_size: int = 128
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

    def examples(self) -> list[dict[str, Any]]:
        """The examples of all tasks, one task after the other."""
        absent = {name: value for name, value in _ABSENT.items() if name in self.columns}
        found = [
            {**absent, **example, "family": n}
            for n, task in enumerate(self.tasks)
            for example in task.examples()
        ]
        return numbered(found, *(role for role in _TEXTS if role in self.columns))

    def __len__(self) -> int:
        return sum(map(len, self.tasks))

    def texts(self) -> Iterator[str]:
        for task in self.tasks:
            yield from task.texts()

    def examples_for(self, model: Any) -> list[dict[str, Any]]:
        return self.examples()

    def batches_of(
        self, examples: list[dict[str, Any]], columns: tuple[str, ...], model: Any, *, seed: int
    ) -> BatchIterator:
        """Batches of these examples, which may have more columns than the tasks give."""
        return batches(
            examples, columns, model, batch_size=self.batch_size, seed=seed, order=self.order
        )

    def fingerprint(self) -> str:
        return fingerprint(self, [task.fingerprint() for task in self.tasks])

    def small(self) -> "SeveralTasks":
        return smaller(self, batch_size=8)
