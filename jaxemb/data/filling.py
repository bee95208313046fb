"""Orders that fill the batches of another one anew: by length, and with groups of a label."""

import abc
import functools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.data.orders import (
    EpochOrder,
    Examples,
    Order,
    Places,
    Put,
    Sequel,
    Shuffled,
    by_value,
    check_fills,
    cut,
)

_TEXTS = ("query", "positive", "negatives")


class Filling(EpochOrder, abc.ABC):
    """Base of orders that lay out the epochs of another one anew.

    Around an order that chooses examples or keeps texts apart they stand inside it: they fill its
    batches, and what it promises stays.
    """

    inner: Order

    def __post_init__(self) -> None:
        check_ranges(self)
        if type(self) in map(type, self.inner.within()):
            raise UsageError(f"{type(self).__name__} stands in another one; only one can decide.")
        self.inner.with_inside(lambda order: order)

    def settled(self) -> Order:
        """The same batches, with this order where it is read."""
        return self.inner.with_inside(lambda order: replace(self, inner=order))

    def within(self) -> Iterator[Order]:
        yield self
        yield from self.inner.within()

    @property
    def _stays(self) -> bool:
        return self.settled() == self

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        read = super().__call__ if self._stays else self.settled()
        return read(examples, places, batch_size, seed)

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        read = super().distinct if self._stays else self.settled().distinct
        return read(examples, places, batch_size, seed)

    def with_inside(self, put: Put) -> Order:
        return self.around(put) if self._stays else self.settled().with_inside(put)

    def around(self, put: Put) -> Order:
        """Something put around this order, where it stands where it is read."""
        return put(self)

    def groups(self, batch_size: int) -> list[int]:
        return (super() if self._stays else self.settled()).groups(batch_size)

    def alike(self, examples: Examples, batch: Places) -> list[Hashable]:
        return (super() if self._stays else self.settled()).alike(examples, batch)


@dataclass(frozen=True, kw_only=True)
class LengthBucketed(Filling):
    """Rows of a batch are about equally long, so that little of it is padding.

    The inner order is cut into windows of `window` batches; a window is sorted by the length of the
    examples in characters and cut into batches, and all batches are shuffled. Rows that belong
    together stay together and are sorted by the length of all of them.

    Args:
        window: batches among which lengths are evened out; 1 is `Shuffled`.
        inner: the order whose batches are filled so.

    Raises:
        UsageError: `window` is below 1, or there is another `LengthBucketed` inside.

    Example:
        >>> texts = [{"query": "x" * n} for n in (9, 1, 8, 2)]
        >>> batches = LengthBucketed().epoch(texts, np.arange(4), 2, np.random.default_rng(0))
        >>> sorted(sorted(batch) for batch in batches.tolist())
        [[0, 2], [1, 3]]
    """

    window: Annotated[int, AtLeast(1)] = 50
    inner: Order = Shuffled()

    @property
    def each(self) -> int:
        return self.inner.each

    def around(self, put: Put) -> Order:
        return replace(self, inner=self.inner.with_inside(put))

    def capacity(self, examples: Examples, places: Places) -> int:
        return self.inner.capacity(examples, places)

    def steps(self, examples: Examples, places: Places, batch_size: int) -> int:
        return self.inner.steps(examples, places, batch_size)

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        rows = self.rows(examples, places, batch_size, draw)
        return np.stack([rows[n] for n in range(len(rows))])

    def rows(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> "Windowed":
        """Examples are read a window at a time."""
        inner = self.inner.epoch(examples, places, batch_size, draw)
        return Windowed(examples, inner, self.each, self.window, draw.permutation(len(inner)))


class Windowed:
    """The batches of an epoch, sorted by length among those of their window when one is read."""

    def __init__(
        self,
        examples: Examples,
        inner: Int[np.ndarray, "batches batch"],
        each: int,
        window: int,
        order: Int[np.ndarray, " batches"],
    ):
        self._examples, self._inner, self._each = examples, inner, each
        self._window, self._order = window, order
        self._read = functools.cache(self._sorted)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Places:
        window, place = divmod(int(self._order[number]), self._window)
        return self._read(window)[place]

    def _sorted(self, window: int) -> Int[np.ndarray, "batches batch"]:
        """One window, its groups by the length of all their texts."""
        batches = self._inner[window * self._window : (window + 1) * self._window]
        groups = batches.reshape(-1, self._each)
        read = [[_length(self._examples[place]) for place in own] for own in groups.tolist()]
        order = np.argsort(np.sum(read, axis=1), kind="stable")
        return groups[order].reshape(batches.shape)


@dataclass(frozen=True, kw_only=True)
class LabelGroups(Filling):
    """Batches of groups of `each` examples with one value of `by`, for losses that read labels.

    An epoch has each example at most once; of a label with n examples, `n % each` are left out. Two
    groups of one label may stand in a batch.

    Args:
        by: the field of an example that says its group, such as `label`, `family` or `group`.
        each: how many examples of a value stand together.
        inner: the order whose batches are filled with groups.

    Raises:
        UsageError: `each` is below 1, or there are other `LabelGroups` inside; when called, if a
            batch is no multiple of `each`, the groups fill no batch, or an example lacks the field.

    Example:
        >>> rows = [{"label": n % 2} for n in range(8)]
        >>> order = LabelGroups().epoch(rows, np.arange(8), 4, np.random.default_rng(0))
        >>> [[rows[p]["label"] for p in batch[:2]] in ([0, 0], [1, 1]) for batch in order.tolist()]
        [True, True]
    """

    by: str = "label"
    each: Annotated[int, AtLeast(1)] = 2
    inner: Order = Shuffled()

    def capacity(self, examples: Examples, places: Places) -> int:
        if not self._stays:
            return self.settled().capacity(examples, places)
        found = by_value(examples, places, self.by).values()
        return sum(len(own) // self.each for own in found) * self.each

    def steps(self, examples: Examples, places: Places, batch_size: int) -> int:
        if batch_size % self.each:
            raise UsageError(f"batch_size={batch_size} is no multiple of each={self.each}.")
        count = self.capacity(examples, places)
        check_fills(count, batch_size, f"groups of {self.each} by {self.by!r}")
        return count // batch_size

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        parts = by_value(examples, places, self.by).values()
        groups = np.concatenate([self.inner.epoch(examples, x, self.each, draw) for x in parts])
        return cut(draw.permutation(groups).ravel(), batch_size)


def _length(example: dict[str, Any]) -> int:
    """The characters of all its texts."""
    values = (example.get(role, "") for role in _TEXTS)
    return sum(sum(map(len, value)) if isinstance(value, tuple) else len(value) for value in values)
