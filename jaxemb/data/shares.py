"""One batch that several processes make: each reads its own rows, and all pad them alike."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Shaped

from jaxemb.config import UsageError
from jaxemb.data.base import Batches
from jaxemb.runtime import processes
from jaxemb.text import TextBatch

_NOBODY = -1  # the number of no text


def part_of(
    rows: Shaped[np.ndarray, "rows *rest"], part: int, parts: int
) -> Shaped[np.ndarray, "own *rest"]:
    """One of so many equal parts of rows, in order.

    Example:
        >>> part_of(np.arange(6), 1, 3).tolist()
        [2, 3]
    """
    each = len(rows) // parts
    return rows[part * each : (part + 1) * each]


def dealt(batches: Batches) -> Batches:
    """Batches of this process's rows alone; the same batches where it computes by itself."""
    return OwnRows(batches) if jax.process_count() > 1 else batches


def whole_shape(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch with as many rows as those of all processes together, for its shapes alone."""
    count = jax.process_count()
    if count == 1:
        return batch
    return jax.tree.map(lambda x: np.concatenate([np.asarray(x)] * count), batch)


class OwnRows(Batches):
    """This process's rows of every batch.

    Batches that can read only a part are asked to; their padding then depends on what each process
    read, so the processes agree on the largest. Others are made whole by every process, and cut.
    """

    def __init__(self, inner: Batches):
        self._inner, self._part = inner, (jax.process_index(), jax.process_count())
        self._shares = processes.count() > 1 and inner.share(*self._part)
        self._last: tuple[Any, Any] = (None, None)

    def __next__(self) -> dict[str, Any]:
        batch = next(self._inner)
        if self._shares:
            return alike(batch)
        if batch is not self._last[0]:  # one that is given again is the same one after the cut, too
            own = jax.tree.map(lambda x: part_of(np.asarray(x), *self._part), batch)
            self._last = batch, own
        return self._last[1]

    def renew(self, step: int, model: Callable[[], Any]) -> None:
        self._inner.renew(step, model)

    @property
    def digest(self) -> str:
        return self._inner.digest

    def get_state(self) -> dict[str, Any]:
        return self._inner.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        self._inner.set_state(state)

    def close(self) -> None:
        self._inner.close()


def alike(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch padded to the largest shape that any process has of each of its arrays.

    Raises:
        UsageError: an array of numbers has another shape in another process.
    """
    leaves, structure = jax.tree.flatten(batch)
    own = [list(x.shape[1:]) for x in leaves]
    every = processes.gather(own)
    if all(shapes == own for shapes in every):
        return batch
    most = [np.max(shapes, axis=0).tolist() for shapes in zip(*every, strict=True)]
    sizes = jax.tree.unflatten(structure, [tuple(shape) for shape in most])
    return {name: _padded(name, column, sizes[name]) for name, column in batch.items()}


def _padded(name: str, column: Any, sizes: Any) -> Any:
    if isinstance(column, TextBatch):
        return TextBatch(*(_to(x, size, 0) for x, size in zip(column, sizes, strict=True)))
    if column.shape[1:] == sizes:
        return column
    if not name.endswith("_id"):
        raise UsageError(f"the column {name!r} holds arrays of unequal shapes")
    return _to(column, sizes, _NOBODY)


def _to(x: np.ndarray | None, size: tuple[int, ...] | None, filling: int) -> np.ndarray | None:
    if x is None or size is None:
        return x
    more = [(0, 0), *((0, n - have) for n, have in zip(size, x.shape[1:], strict=True))]
    return np.pad(x, more, constant_values=filling)
