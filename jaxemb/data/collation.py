"""Collation: examples to a batch of their columns, padded to one of few shapes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.shapes import few_shapes, fitting
from jaxemb.data.token_ids import ColumnTokenIds, TokenIds
from jaxemb.text import Chunked, TextBatch, bucket, pad

Batch = dict[str, TextBatch | np.ndarray]
Record = dict[str, Any]
_ROLES = {"query": "query", "negatives_query": "query"}  # every other text is a document


class Collator:
    """Examples to a batch of their columns, each as long as it needs or in one of few shapes.

    Args:
        columns: which of the examples' fields.
        model: as in `batches`.
        remember: keep the ids of every text that was read.
    """

    def __init__(self, columns: Sequence[str], model: Any, *, remember: bool):
        self._columns, self._encoders = columns, ColumnTokenIds(model, remember=remember)
        self._texts: list[str] = []
        self._shapes: tuple[tuple[int, ...], ...] = ()

    def settle(self, sample: Sequence[Sequence[Record]]) -> None:
        """Choose at most three shapes by some batches; every later batch has one of them."""
        found = [self._read(chosen) for chosen in sample]
        if not found:
            return
        self._texts = [name for name, column in found[0].items() if isinstance(column, _Texts)]
        if not self._texts:
            return
        columns = [[batch[name] for name in self._texts] for batch in found]
        longest = np.array([[column.longest for column in batch] for batch in columns])
        limits = [column.limit for column in columns[0]]
        self._shapes = few_shapes(longest, limits, [column.each for column in columns[0]])

    def __call__(self, chosen: Sequence[Record]) -> Batch:
        found = self._read(chosen)
        texts = self._texts or [n for n, column in found.items() if isinstance(column, _Texts)]
        longest = [found[name].longest for name in texts]
        shape = fitting(longest, self._shapes)
        if shape is None:  # nothing was chosen, or a text is far longer than any of the sample
            shape = [bucket(n, found[name].limit) for n, name in zip(longest, texts, strict=True)]
        lengths = dict(zip(texts, shape, strict=True))
        return {n: x.padded(lengths[n]) if n in lengths else x for n, x in found.items()}

    def _read(self, chosen: Sequence[Record]) -> dict[str, Any]:
        """Each column as it is; texts not yet padded."""
        tasks = [e.get("task", "") for e in chosen]
        return {
            name: _column(name, [e[name] for e in chosen], tasks, self._encoders)
            for name in self._columns
        }


class _Texts(NamedTuple):
    """Ids of a column's texts, `each` of them per row; no text exceeds the limit.

    `prompts` says of each text how many first tokens are its prompt's, where that is asked for.
    """

    ids: list[np.ndarray]
    limit: int
    lead: tuple[int, ...]
    prompts: list[int] | None = None

    @property
    def longest(self) -> int:
        return max(map(len, self.ids))

    @property
    def each(self) -> int:
        return self.lead[1] if len(self.lead) > 1 else 1

    def padded(self, length: int) -> TextBatch:
        flat = pad(self.ids, length, self.prompts)
        return jax.tree.map(lambda x: x.reshape((*self.lead, -1)), flat)


def _column(
    name: str, values: list[Any], tasks: list[str], encoders: ColumnTokenIds
) -> _Texts | TextBatch | np.ndarray:
    side = _ROLES.get(name, "document")
    roles = [f"{task}/{side}" if task else side for task in tasks]
    first = values[0]
    if isinstance(first, str):
        encode = encoders[name]
        prompts = encoders.prompts(name, roles)
        return _Texts(encode(values, roles), encode.limit(roles), (len(values),), prompts)
    if isinstance(first, Chunked):
        return _with_spans(values, roles[0], encoders[name])
    if isinstance(first, tuple) and any(isinstance(text, str) for row in values for text in row):
        found = _several(values, roles, encoders[name])
        each = [role for role in roles for _ in range(found.each)]
        return found._replace(prompts=encoders.prompts(name, each))
    if isinstance(first, tuple) and name.endswith("_id"):
        return _numbers(name, _filled(values))
    return _numbers(name, values)


def _several(values: list[tuple[str, ...]], roles: list[str], encode: TokenIds) -> _Texts:
    """`[rows, k, tokens]`; a row with fewer texts than the others is filled with empty ones.

    The number of texts is a power of two, so that few shapes are compiled.
    """
    most = _most(values)
    texts = [text for several in values for text in several]
    each = [role for role, several in zip(roles, values, strict=True) for _ in several]
    ids = iter(encode(texts, each))
    blank = np.zeros(0, np.int32)
    rows = [[next(ids) for _ in several] + [blank] * (most - len(several)) for several in values]
    flat = [one for row in rows for one in row]
    return _Texts(flat, encode.limit(roles), (len(values), most))


def _most(values: list[tuple]) -> int:
    """How many places the rows of a batch have; a power of two where they hold unequally many."""
    most = max(map(len, values))
    return most if len({len(one) for one in values}) == 1 else 1 << (most - 1).bit_length()


def _filled(values: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Numbers of texts, with -1, which is no text's, where a row has fewer than the others."""
    most = _most(values)
    return [one + (-1,) * (most - len(one)) for one in values]


def _with_spans(values: list[Chunked], role: str, encode: TokenIds) -> TextBatch:
    """Texts with a mask of the tokens of each chunk, `[rows, chunks, tokens]`."""
    found = encode.chunks(values, role)
    batch = _padded([ids for ids, _ in found], encode.max_tokens)
    most = max(len(spans) for _, spans in found)
    spans = np.zeros((len(values), 1 << (most - 1).bit_length(), batch.ids.shape[1]), bool)
    for row, (_, own) in zip(spans, found, strict=True):
        row[: own.shape[0], : own.shape[1]] = own
    return batch._replace(spans=spans)


_INTEGERS = np.iinfo(np.int32)


def _numbers(name: str, values: list[Any]) -> np.ndarray:
    """Numbers as they are: whole ones in 32 bits, others in 32-bit floating point.

    Raises:
        UsageError: they are no numbers, have unequal shapes, or do not fit.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise UsageError(f"the column {name!r} holds arrays of unequal shapes") from error
    if array.dtype.kind in "biu":
        if array.size and not (_INTEGERS.min <= array.min() and array.max() <= _INTEGERS.max):
            raise UsageError(f"the column {name!r} holds whole numbers beyond 32 bits; number them")
        return array.astype(np.int32 if name != "score" else np.float32)
    if array.dtype.kind != "f":
        raise UsageError(f"the column {name!r} holds {type(values[0]).__name__}, not numbers")
    return array.astype(np.float32)


def _padded(ids: list[np.ndarray], max_tokens: int) -> TextBatch:
    return pad(ids, bucket(max(map(len, ids)), max_tokens))
