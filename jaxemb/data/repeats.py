"""Batches in which no text stands twice: groups of rows that repeat one another are kept apart."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from jaxemb.config import UsageError

Examples = Sequence[dict[str, Any]]
Keys = frozenset[Hashable]

_IDS = ("query_id", "positive_id", "negatives_id")
_REACH = 1000  # batches in which something is looked for that repeats nothing


def batches_without(
    examples: Examples,
    offered: Int[np.ndarray, "groups each"],
    spare: Int[np.ndarray, "spares each"],
    steps: int,
    batch_size: int,
) -> Int[np.ndarray, "steps batch"]:
    """Batches of groups in the order in which they are offered, the last ones filled with spare ones.

    Raises:
        UsageError: too few groups have different texts.
    """
    each = offered.shape[1]
    keys = {
        own: _keys(examples, own) for own in map(tuple, np.concatenate([offered, spare]).tolist())
    }
    left, others = (
        [own for own in map(tuple, some.tolist()) if keys[own] is not None]
        for some in (offered, spare)
    )
    batches = []
    for _ in range(steps):
        batch, left = _distinct(keys, left, batch_size // each, [])
        more, _ = _distinct(keys, others, batch_size // each, batch)
        if len(more) < batch_size // each:
            raise UsageError(
                f"Only {len(more) * each} examples have different texts, fewer than "
                f"batch_size={batch_size}."
            )
        batches.append(np.concatenate(more))
    return np.array(batches)


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
    found: set[Hashable] = set()
    for value in (example.get(name, ()) for name in _IDS):
        found.update(value if isinstance(value, tuple) else (value,))
    return found


def _distinct(
    keys: dict[tuple[int, ...], Keys],
    offered: list[tuple[int, ...]],
    count: int,
    batch: Sequence[tuple[int, ...]],
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """A batch filled with what repeats no text of it, and what is left of the offered."""
    batch, passed = list(batch), []
    seen = {key for own in batch for key in keys[own]}
    for at, group in enumerate(offered):
        if len(batch) == count:
            return batch, passed + offered[at:]
        if keys[group] & seen:
            passed.append(group)
        else:
            batch.append(group)
            seen |= keys[group]
    return batch, passed
