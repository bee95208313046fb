"""Orders: which examples stand together in a batch, and which batch follows which."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import AtLeast, Part, UsageError, check_ranges

Examples = Sequence[dict[str, Any]]
Places = Int[np.ndarray, " places"]
Sequel = Any
"""A `grain.MapDataset` of the places of each batch, `[batch]`; not imported until it is made."""

_ENDLESS = 1 << 40  # batches; more than any run reads
_TEXTS = ("query", "positive", "negatives")


@dataclass(frozen=True, kw_only=True)
class Order(Part, ABC):
    """Slot: batches of examples without end, which can be read at any place.

    Batch `n` depends on the examples, the seed and `n` alone, so that a run that goes on from a
    checkpoint reads what it would have read.
    """

    @abstractmethod
    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        """The places of the examples of each batch, all of them among `places`.

        Raises:
            UsageError: no batch can be filled.
        """

    @property
    def about(self) -> dict[str, Any]:
        """What a saved position must agree with."""
        return {"order": repr(self)}


@dataclass(frozen=True, kw_only=True)
class EpochOrder(Order, ABC):
    """Base of orders that lay out an epoch at a time: `len(places) // batch_size` batches."""

    def __call__(self, examples: Examples, places: Places, batch_size: int, seed: int) -> Sequel:
        check_fills(len(places), batch_size, "the data")

        def laid_out(epoch: int) -> Int[np.ndarray, "batches batch"]:
            draw = np.random.default_rng((seed, epoch))
            return self.epoch(examples, places, batch_size, draw)

        return _endless(laid_out, self.steps(examples, places, batch_size))

    def steps(self, examples: Examples, places: Places, batch_size: int) -> int:
        """How many batches an epoch has."""
        return len(places) // batch_size

    @abstractmethod
    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        """The batches of one epoch."""


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
        return _cut(draw.permutation(places), batch_size)


@dataclass(frozen=True, kw_only=True)
class LengthBucketed(EpochOrder):
    """Rows of a batch are about equally long, so that little of it is padding.

    A random order is cut into windows of `window` batches; a window is sorted by the length of the
    examples in characters and cut into batches, and all batches are shuffled.

    Args:
        window: batches among which lengths are evened out; 1 is `Shuffled`.

    Raises:
        UsageError: `window` is below 1.

    Example:
        >>> texts = [{"query": "x" * n} for n in (9, 1, 8, 2)]
        >>> batches = LengthBucketed().epoch(texts, np.arange(4), 2, np.random.default_rng(0))
        >>> sorted(sorted(batch) for batch in batches.tolist())
        [[0, 2], [1, 3]]
    """

    window: Annotated[int, AtLeast(1)] = 50

    __post_init__ = check_ranges

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        order = draw.permutation(places)[: len(places) // batch_size * batch_size]
        lengths = np.array([sum(map(len, _texts(examples[place]))) for place in order.tolist()])
        reach = self.window * batch_size
        parts = [
            order[start : start + reach][np.argsort(lengths[start : start + reach], kind="stable")]
            for start in range(0, len(order), reach)
        ]
        return draw.permutation(_cut(np.concatenate(parts), batch_size))


@dataclass(frozen=True, kw_only=True)
class WithoutDuplicates(EpochOrder):
    """No text stands twice in a batch, be it as a query, a positive or a negative.

    Goes through the inner order and puts an example that repeats a text of the batch off to the
    next one. Where the last batches of an epoch cannot be filled with what is left, they are filled
    with examples that the epoch has seen. Texts are told apart by `query_id`, `positive_id` and
    `negatives_id`.

    Args:
        inner: the order that is followed.

    Raises:
        UsageError: when called, if no batch can be filled with different texts.

    Example:
        >>> rows = [{"query_id": n, "positive_id": n % 2 + 9} for n in range(4)]
        >>> order = WithoutDuplicates().epoch(rows, np.arange(4), 2, np.random.default_rng(0))
        >>> [sorted(rows[place]["positive_id"] for place in batch) for batch in order.tolist()]
        [[9, 10], [9, 10]]
    """

    inner: EpochOrder = Shuffled()

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        steps = self.inner.steps(examples, places, batch_size)
        inner = self.inner.epoch(examples, places, batch_size, draw)
        left = [*inner.ravel().tolist(), *sorted({*places.tolist()} - {*inner.ravel().tolist()})]
        spare = draw.permutation(places).tolist()
        batches = []
        for _ in range(steps):
            batch, left = _distinct(examples, left, batch_size)
            more, _ = _distinct(examples, spare, batch_size, batch)
            if len(more) < batch_size:
                raise UsageError(
                    f"Only {len(more)} examples have different texts, fewer than "
                    f"batch_size={batch_size}."
                )
            batches.append(more)
        return np.array(batches)


@dataclass(frozen=True, kw_only=True)
class LabelGroups(EpochOrder):
    """Batches of groups of `each` examples with one value of `by`, for losses that read labels.

    An epoch has each example at most once; of a label with n examples, `n % each` are left out. Two
    groups of one label may stand in a batch.

    Args:
        by: the field of an example that says its group, such as `label`, `family` or `group`.
        each: how many examples of a value stand together.

    Raises:
        UsageError: `each` is below 1; when called, if a batch is no multiple of `each`, the groups
            fill no batch, or an example lacks the field.

    Example:
        >>> rows = [{"label": n % 2} for n in range(8)]
        >>> order = LabelGroups().epoch(rows, np.arange(8), 4, np.random.default_rng(0))
        >>> [[rows[p]["label"] for p in batch[:2]] in ([0, 0], [1, 1]) for batch in order.tolist()]
        [True, True]
    """

    by: str = "label"
    each: Annotated[int, AtLeast(1)] = 2

    __post_init__ = check_ranges

    def steps(self, examples: Examples, places: Places, batch_size: int) -> int:
        if batch_size % self.each:
            raise UsageError(f"batch_size={batch_size} is no multiple of each={self.each}.")
        groups = sum(len(own) // self.each for own in by_value(examples, places, self.by).values())
        check_fills(groups * self.each, batch_size, f"groups of {self.each} by {self.by!r}")
        return groups * self.each // batch_size

    def epoch(
        self, examples: Examples, places: Places, batch_size: int, draw: np.random.Generator
    ) -> Int[np.ndarray, "batches batch"]:
        parts = by_value(examples, places, self.by).values()
        groups = np.concatenate([_cut(draw.permutation(own), self.each) for own in parts])
        return _cut(draw.permutation(groups).ravel(), batch_size)


# --- what orders share


def _endless(laid_out: Callable[[int], np.ndarray], steps: int) -> Sequel:
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


def _cut(places: np.ndarray, size: int) -> Int[np.ndarray, "batches batch"]:
    return places[: len(places) // size * size].reshape(-1, size)


def _texts(example: dict[str, Any]) -> Iterator[str]:
    for value in (example.get(role, "") for role in _TEXTS):
        yield from (value if isinstance(value, tuple) else (value,))


def _text_ids(example: dict[str, Any]) -> set[int]:
    found: set[int] = set()
    for value in (example.get(f"{role}_id", ()) for role in _TEXTS):
        found.update(value if isinstance(value, tuple) else (value,))
    return found


def _distinct(
    examples: Examples, offered: list[int], size: int, batch: Sequence[int] = ()
) -> tuple[list[int], list[int]]:
    """A batch filled with what repeats no text of it, and what is left of the offered."""
    batch, passed = list(batch), []
    seen = {number for place in batch for number in _text_ids(examples[place])}
    for at, place in enumerate(offered):
        if len(batch) == size:
            return batch, passed + offered[at:]
        own = _text_ids(examples[place])
        if own & seen:
            passed.append(place)
        else:
            batch.append(place)
            seen |= own
    return batch, passed


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
