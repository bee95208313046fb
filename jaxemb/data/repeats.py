"""Batches in which no text stands twice: groups of rows that repeat one another are kept apart."""

import functools
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError

Examples = Sequence[dict[str, Any]]
Keys = frozenset[Hashable]
Group = tuple[int, ...]

_IDS = ("query_id", "positive_id", "negatives_id")
_REACH = 1000  # batches in which something is looked for that repeats nothing


class BatchesWithout:
    """Batches of groups in the order in which they are offered, the last ones filled with spare ones.

    A batch is made when it or a later one is read, and no more examples are read than that needs.

    Args:
        examples: with the numbers of their texts.
        offered: the groups of an epoch.
        spare: what fills a batch where too few of these are left.
        batch_size: rows of a batch.

    Raises:
        UsageError: when read, if too few groups have different texts.
    """

    def __init__(
        self,
        examples: Examples,
        offered: Int[np.ndarray, "groups each"],
        spare: Int[np.ndarray, "spares each"],
        batch_size: int,
    ):
        self._left, self._spare = (list(map(tuple, x.tolist())) for x in (offered, spare))
        self._size, self._each = batch_size, offered.shape[1]
        self._keys = functools.cache(lambda group: _keys(examples, group))
        self._made: list[Int[np.ndarray, " batch"]] = []
        self._lock = threading.Lock()  # batches are prepared by several threads

    def __getitem__(self, number: int) -> Int[np.ndarray, " batch"]:
        with self._lock:
            while len(self._made) <= number:
                self._made.append(self._next())
        return self._made[number]

    def _next(self) -> Int[np.ndarray, " batch"]:
        count = self._size // self._each
        batch, self._left = _distinct(self._keys, self._left, count, [])
        batch, _ = _distinct(self._keys, self._spare, count, batch)
        if len(batch) < count:
            raise UsageError(
                f"Only {len(batch) * self._each} examples have different texts, fewer than "
                f"batch_size={self._size}."
            )
        return np.concatenate(batch)


def without_repeats(
    examples: Examples,
    sequel: Any,
    groups: Sequence[int],
    alike: Callable[[Int[np.ndarray, " batch"]], list[Hashable]],
) -> Any:
    """The batches of a sequel; a group that repeats a text gives way to one of a later batch.

    What takes its place stood at the same rows, and is alike.

    Args:
        sequel: a `grain.MapDataset` of places.
        groups: how many rows belong together, one group after the other.
        alike: says of each row of a batch what may stand in its place.
    """
    import grain

    ends = np.cumsum(groups).tolist()
    rows_of = [slice(end - size, end) for end, size in zip(ends, groups, strict=True)]

    def batch(number: int) -> Int[np.ndarray, " batch"]:
        made, seen, repeated = np.array(sequel[int(number)]), set(), []
        for rows in rows_of:
            own = _keys(examples, made[rows].tolist())
            if own is None or own & seen:
                repeated.append(rows)
            else:
                seen |= own
        wanted = alike(made)
        for rows in repeated:
            made[rows] = another(int(number), rows, wanted[rows], seen)
            seen |= _keys(examples, made[rows].tolist()) or set()
        return made

    def another(number: int, rows: slice, wanted: list[Hashable], seen: set) -> np.ndarray:
        for later in range(number + 1, number + _REACH):
            found = np.asarray(sequel[later % len(sequel)])
            own = _keys(examples, found[rows].tolist())
            if own is not None and not own & seen and alike(found)[rows] == wanted:
                return found[rows]
        raise UsageError(
            f"Batch {number} cannot be filled: {_REACH} batches have nothing for row {rows.start} "
            "that repeats no text of it."
        )

    return grain.MapDataset.range(len(sequel)).map(batch)


def _keys(examples: Examples, group: Sequence[int]) -> Keys | None:
    """What a group must not share with another one; None where its own rows share something."""
    own = [_key(examples[place]) | {(place,)} for place in group]
    together = frozenset().union(*own)
    return together if len(together) == sum(map(len, own)) else None


def _key(example: dict[str, Any]) -> set[Hashable]:
    given = [example[name] for name in _IDS if name in example]
    if not given:
        raise UsageError(
            f"Texts are told apart by {', '.join(_IDS)}, and an example has none of these fields; it "
            f"has {', '.join(map(str, example))}."
        )
    found: set[Hashable] = set()
    for value in given:
        found.update(value if isinstance(value, tuple) else (value,))
    return found


def _distinct(
    keys: Callable[[Group], Keys | None], offered: list[Group], count: int, batch: list[Group]
) -> tuple[list[Group], list[Group]]:
    """A batch filled with what repeats no text of it, and what is left of the offered.

    What repeats a text by itself is left out.
    """
    batch, passed = list(batch), []
    if len(batch) == count:
        return batch, offered
    seen = {key for own in batch for key in keys(own)}
    for at, group in enumerate(offered):
        if len(batch) == count:
            return batch, passed + offered[at:]
        own = keys(group)
        if own is None:
            continue
        if own & seen:
            passed.append(group)
        else:
            batch.append(group)
            seen |= own
    return batch, passed
