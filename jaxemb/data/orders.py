"""Orders: which examples stand together in a batch, and which batch follows which.

An order hands out batches of places. Some neighbouring rows belong together, such as two of one
label, and an order around another one moves them as a whole. Every nesting is read in one way, from
the outside: which examples (`Where`, `Stratified`, `SideBySide`), then `WithoutDuplicates`, then
`LengthBucketed`, then `LabelGroups`. So `LengthBucketed(inner=Stratified())` and
`Stratified(inner=LengthBucketed())` are the same batches, and each promise holds in both.
"""

import abc
import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import Part, UsageError
from jaxemb.data.repeats import BatchesWithout, without_repeats

Examples = Sequence[dict[str, Any]]
Places = Int[np.ndarray, " places"]
Sequel = Any
"""A `grain.MapDataset` of the places of each batch, `[batch]`; not imported until it is made."""
Rows = Any
"""The batches of an epoch by their number: an array, or what makes each when it is asked for."""
Put = Callable[["Order"], "Order"]
Choice = tuple[str, int | str | None]

_ENDLESS = 1 << 40  # batches; more than any run reads


@dataclass(frozen=True, kw_only=True)
class Order(Part, abc.ABC):
    """Slot: batches of examples without end, which can be read at any place.

    Batch `n` depends on the examples, the seed and `n` alone, so that a run that goes on from a
    checkpoint reads what it would have read.
    """

    @abc.abstractmethod
    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        """The places of the examples of each batch, all of them among `places`.

        Raises:
            UsageError: no batch can be filled.
        """

    @property
    def about(self) -> dict[str, Any]:
        """What a saved position must agree with."""
        return {"order": repr(self)}

    def within(self) -> Iterator["Order"]:
        """This order and all that stand inside it."""
        yield self

    @property
    def chooses(self) -> Choice | None:
        """The field by which it chooses examples, and the value, None where it has a turn for each."""
        return None

    def with_inside(self, put: Put) -> "Order":
        """The same order with something put around the orders that fill its batches.

        Raises:
            UsageError: others cannot fill its batches.
        """
        raise UsageError(
            f"{type(self).__name__} hands out whole batches, which no order around it can refill."
        )

    def capacity(self, examples: Examples, places: Places) -> int:
        """How many of some examples it has a place for."""
        return len(places)

    def groups(self, batch_size: int) -> list[int]:
        """How many neighbouring rows of a batch belong together, one group after the other."""
        return [1] * batch_size

    def alike(self, examples: Examples, batch: Places) -> list[Hashable]:
        """What each row of a batch has in common with any that may stand in its place."""
        return [None] * len(batch)

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        """As called, but no text stands twice in a batch: see `WithoutDuplicates`."""
        alike = functools.partial(self.alike, examples)
        sequel = self(examples, places, batch_size, seed)
        return without_repeats(examples, sequel, self.groups(batch_size), alike)


class Around(Order, abc.ABC):
    """Base of orders around another one, in their slot `inner`."""

    inner: Order

    def within(self) -> Iterator[Order]:
        yield self
        yield from self.inner.within()

    def with_inside(self, put: Put) -> Order:
        return replace(self, inner=self.inner.with_inside(put))

    def capacity(self, examples: Examples, places: Places) -> int:
        return self.inner.capacity(examples, places)

    def groups(self, batch_size: int) -> list[int]:
        return self.inner.groups(batch_size)

    def alike(self, examples: Examples, batch: Places) -> list[Hashable]:
        return self.inner.alike(examples, batch)


@dataclass(frozen=True, kw_only=True)
class EpochOrder(Order, abc.ABC):
    """Base of orders that lay out an epoch at a time: `len(places) // batch_size` batches.

    Attributes:
        each: how many neighbouring rows belong together.
    """

    @property
    def each(self) -> int:
        return 1

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        check_fills(len(places), batch_size, "the data")

        def laid_out(epoch: int) -> Rows:
            draw = np.random.default_rng((seed, epoch))
            return self.rows(examples, places, batch_size, draw)

        return _endless(laid_out, self.steps(examples, places, batch_size))

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        check_fills(len(places), batch_size, "the data")

        def laid_out(epoch: int) -> Rows:
            draw = np.random.default_rng((seed, epoch))
            own = self.epoch(examples, places, batch_size, draw).reshape(-1, self.each)
            left, spare = own, own
            if self.each == 1:  # what the epoch leaves out can stand in for what repeats a text
                rest = np.setdiff1d(places, own)
                left, spare = np.concatenate([own, rest[:, None]]), places[:, None]
            return BatchesWithout(examples, left, draw.permutation(spare), batch_size)

        return _endless(laid_out, self.steps(examples, places, batch_size))

    def with_inside(self, put: Put) -> Order:
        return put(self)

    def groups(self, batch_size: int) -> list[int]:
        return [self.each] * (batch_size // self.each)

    def steps(self, examples: Examples, places: Places, batch_size: int) -> int:
        """How many batches an epoch has."""
        return len(places) // batch_size

    @abc.abstractmethod
    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        """The batches of one epoch."""

    def rows(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Rows:
        """The same, each by its number; an order that reads examples may read few for each."""
        return self.epoch(examples, places, batch_size, draw)


@dataclass(frozen=True, kw_only=True)
class Shuffled(EpochOrder):
    """Every example once an epoch, in a random order; the remainder is another one each time.

    Example:
        >>> Shuffled().epoch([{}] * 5, np.arange(5), 2, np.random.default_rng(0)).shape
        (2, 2)
    """

    @property
    def about(self) -> dict[str, Any]:
        return {}

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        import grain

        check_fills(len(places), batch_size, "the data")
        # Batching comes before repeating: no example is twice in a batch.
        order = grain.MapDataset.range(len(places)).seed(seed).shuffle()
        return order.batch(batch_size, drop_remainder=True).repeat().map(lambda at: places[at])

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        return cut(draw.permutation(places), batch_size)


@dataclass(frozen=True, kw_only=True)
class WithoutDuplicates(Around):
    """No text stands twice in a batch, be it as a query, a positive or a negative.

    Goes through the inner order and puts an example that repeats a text of the batch off to the
    next one. Where the last batches of an epoch cannot be filled with what is left, they are filled
    with examples that the epoch has seen. Rows that belong together are put off together; those
    that repeat a text of each other are left out of the epoch. In a batch of parts, what repeats a
    text of an earlier part gives way to what the same part has in a later batch. Texts are told
    apart by `query_id`, `positive_id` and `negatives_id`.

    Args:
        inner: the order that is followed.

    Raises:
        UsageError: when read, if a batch cannot be filled with different texts, or an example has
            none of these numbers.

    Example:
        >>> rows = [{"query_id": n, "positive_id": n % 2 + 9} for n in range(4)]
        >>> order = WithoutDuplicates()(rows, np.arange(4), 2, 0)
        >>> [sorted(rows[place]["positive_id"] for place in order[n].tolist()) for n in range(2)]
        [[9, 10], [9, 10]]
    """

    inner: Order = Shuffled()

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        return self.inner.distinct(examples, places, batch_size, seed)

    def distinct(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        return self(examples, places, batch_size, seed)


# --- what orders share


def _endless(laid_out: Callable[[int], Rows], steps: int) -> Sequel:
    """Epochs one after the other; an epoch is laid out when it is first read."""
    import grain

    kept = functools.lru_cache(maxsize=2)(laid_out)

    def batch(number: int) -> Places:
        epoch, place = divmod(int(number), steps)
        return kept(epoch)[place]

    return grain.MapDataset.range(_ENDLESS).map(batch)


def check_fills(count: int, batch_size: int, what: str) -> None:
    if count < batch_size:
        raise UsageError(f"{what} has {count} examples, fewer than batch_size={batch_size}")


def cut(places: np.ndarray, size: int) -> Int[np.ndarray, "batches batch"]:
    """Rows of `size` places; what fills none is left out."""
    return places[: len(places) // size * size].reshape(-1, size)


def by_value(examples: Examples, places: Places, by: str) -> dict[Hashable, np.ndarray]:
    """The places with each value of a field, values in sorted order."""
    groups: dict[Hashable, list[int]] = {}
    for place in places.tolist():
        if by not in examples[place]:
            raise UsageError(
                f"An example has no field {by!r}; it has {', '.join(map(str, examples[place]))}."
            )
        groups.setdefault(examples[place][by], []).append(place)
    return {value: np.array(groups[value]) for value in sorted(groups)}
