"""Examples → shuffled, tokenised, padded batches, with a state that resumes exactly."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxemb.config import UsageError
from jaxemb.data.base import Batches
from jaxemb.data.orders import Order, Sequel, Shuffled
from jaxemb.data.shapes import few_shapes, fitting
from jaxemb.data.shares import part_of
from jaxemb.text import Chunked, TextBatch, Tokenizer, bucket, pad

Batch = dict[str, TextBatch | np.ndarray]
_SHUFFLED = Shuffled()
Record = dict[str, Any]
_SAMPLED = 16  # batches by which the lengths of all are chosen
_AHEAD = 4  # batches prepared before they are asked for
_THREADS = max(1, min(_AHEAD, (os.cpu_count() or 1) // 4))  # that tokenise ahead of the step
_REMEMBERED = 200_000  # examples; the ids of larger data are not kept in memory
_ROLES = {"query": "query", "negatives_query": "query"}  # every other text is a document


@dataclass(frozen=True)
class BatchStats:
    """How full a batch is: real tokens, and the tokens of its padded shapes."""

    tokens: int
    padded: int

    @property
    def efficiency(self) -> float:
        """Share of the padded tokens that are real."""
        return self.tokens / self.padded if self.padded else 0.0


class BatchIterator(Batches):
    """An endless iterator of batches, each epoch in its own order.

    A batch is a dict of columns: `TextBatch` `[batch, tokens]` (`[batch, k, tokens]` for
    negatives) at one of a few lengths, and numpy arrays. `stats` tells of the last batch.

    Example:
        >>> batches = Pairs(batch_size=2).batches(tokenizer, seed=0)  # doctest: +SKIP
        >>> next(batches)["query"].ids.shape                          # doctest: +SKIP
        (2, 16)
    """

    def __init__(self, make: Callable[[np.ndarray], Batch], order: Sequel, about: dict[str, Any]):
        import grain

        options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_AHEAD)
        self._rows = _Rows()
        self._iterator = iter(order.map(self._rows).map(make).to_iter_dataset(options))
        self._about = about
        self.stats = BatchStats(0, 0)

    def __next__(self) -> Batch:
        batch = next(self._iterator)
        self.stats = _stats(batch)
        return batch

    def share(self, part: int, parts: int) -> bool:
        """Read and tokenise only the rows of one part of every batch."""
        self._rows.part = part, parts
        return True

    def get_state(self) -> dict[str, Any]:
        """Where the iterator stands: JSON, the same whatever was prefetched."""
        return {**self._about, "grain": self._iterator.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state: the batches that follow are those that followed then.

        Raises:
            UsageError: the state is of other data, another batch size or another seed.
        """
        for key, value in self._about.items():
            if state.get(key) != value:
                raise UsageError(
                    f"the saved position is of data with {key}={state.get(key)}, "
                    f"this has {key}={value}"
                )
        self._iterator.set_state(state["grain"])

    def close(self) -> None:
        """Stop preparing batches; the iterator cannot be used afterwards."""
        self._iterator.close()


class _Rows:
    """The numbers of a batch's examples to those that are read here: all, or one part of them."""

    def __init__(self) -> None:
        self.part = 0, 1

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        return part_of(indices, *self.part)


def batches(
    examples: Sequence[Any],
    columns: Sequence[str],
    model: Any,
    *,
    batch_size: int,
    seed: int,
    order: Order = _SHUFFLED,
) -> BatchIterator:
    """Batches of examples in an order.

    Args:
        model: says by `tokenizer_of(column)` how a column's texts become ids: a `Model`, or a
            `Tokenizer`, which reads every column alike.

    Raises:
        UsageError: there are fewer examples than a batch holds.
    """
    if len(examples) < batch_size:
        raise UsageError(
            f"the data has {len(examples)} examples, fewer than batch_size={batch_size}"
        )

    of_examples = maker(columns, model, remember=len(examples) <= _REMEMBERED)
    of_examples.settle(_sample(examples, order, batch_size))

    def make(indices: np.ndarray) -> Batch:
        return of_examples([examples[i] for i in indices.tolist()])

    about = {"size": len(examples), "batch": batch_size, "seed": seed, **order.about}
    sequel = order(examples, np.arange(len(examples)), batch_size, seed)
    return BatchIterator(make, sequel, about)


def _sample(examples: Sequence[Any], order: Order, batch_size: int) -> list[list[Any]]:
    """A few batches that are like all others, whatever the seed; none where the order needs more."""
    step = max(1, len(examples) // (_SAMPLED * batch_size))
    places = np.arange(0, len(examples), step)
    try:
        sequel = order(examples, places, batch_size, 0)
    except UsageError:  # too few examples of a stratum, for one
        return []
    return [[examples[i] for i in sequel[n].tolist()] for n in range(_SAMPLED)]


def maker(columns: Sequence[str], model: Any, *, remember: bool) -> "Maker":
    """Examples to a batch of their columns.

    Args:
        columns: which of the examples' fields.
        model: as in `batches`.
        remember: keep the ids of every text that was read.
    """
    return Maker(columns, _Encoders(model, remember=remember))


class Maker:
    """Examples to a batch of their columns, each as long as it needs or in one of few shapes."""

    def __init__(self, columns: Sequence[str], encoders: "_Encoders"):
        self._columns, self._encoders = columns, encoders
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
    """Ids of a column's texts, `each` of them a row; no text exceeds the limit."""

    ids: list[np.ndarray]
    limit: int
    lead: tuple[int, ...]

    @property
    def longest(self) -> int:
        return max(map(len, self.ids))

    @property
    def each(self) -> int:
        return self.lead[1] if len(self.lead) > 1 else 1

    def padded(self, length: int) -> TextBatch:
        flat = pad(self.ids, length)
        shape = (*self.lead, -1)
        return TextBatch(flat.ids.reshape(shape), flat.mask.reshape(shape))


class _Encoders:
    """What encodes each column; columns with one tokenizer share what was tokenised."""

    def __init__(self, model: Any, *, remember: bool):
        self._model, self._remember = model, remember
        self._by_tokenizer: dict[int, _Encoder] = {}

    def __getitem__(self, column: str) -> "_Encoder":
        tokenizer = self._model.tokenizer_of(column)
        made = _Encoder(tokenizer, remember=self._remember)
        return self._by_tokenizer.setdefault(id(tokenizer), made)


class _Encoder:
    """Token ids of texts by role; texts of small data are tokenised once, not once an epoch."""

    def __init__(self, tokenizer: Tokenizer, *, remember: bool):
        self.max_tokens = tokenizer.text.max_tokens
        self._tokenizer = tokenizer
        self._remember = remember
        self._known: dict[tuple[str, str], np.ndarray] = {}

    def __call__(self, texts: Sequence[str], roles: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text in its role; a batch has few different roles, mostly one."""
        found: list[np.ndarray] = [None] * len(texts)
        for role in dict.fromkeys(roles):
            places = [n for n, other in enumerate(roles) if other == role]
            for n, ids in zip(places, self._of(role, [texts[n] for n in places]), strict=True):
                found[n] = ids
        return found

    def limit(self, roles: Sequence[str]) -> int:
        """Tokens that no text exceeds in these roles."""
        return max(map(self._tokenizer.text.limit, dict.fromkeys(roles)))

    def chunks(self, values: Sequence[Chunked], role: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """Ids of each text and the masks of its chunks."""
        return self._tokenizer.chunks(values, role=role)

    def _of(self, role: str, texts: Sequence[str]) -> list[np.ndarray]:
        if not self._remember:
            return self._tokenizer.encode(texts, role=role)
        new = [text for text in dict.fromkeys(texts) if (role, text) not in self._known]
        # Ids fit in 16 bits for nearly every text; the memory of an epoch is halved.
        ids = self._tokenizer.encode(new, role=role)
        known = {(role, text): _small(i) for text, i in zip(new, ids, strict=True)}
        self._known.update(known)
        return [self._known[role, text] for text in texts]


def _small(ids: np.ndarray) -> np.ndarray:
    return ids.astype(np.uint16) if ids.max(initial=0) < 1 << 16 else ids


def _column(
    name: str, values: list[Any], tasks: list[str], encoders: _Encoders
) -> _Texts | TextBatch | np.ndarray:
    side = _ROLES.get(name, "document")
    roles = [f"{task}/{side}" if task else side for task in tasks]
    first = values[0]
    if isinstance(first, str):
        encode = encoders[name]
        return _Texts(encode(values, roles), encode.limit(roles), (len(values),))
    if isinstance(first, Chunked):
        return _with_spans(values, roles[0], encoders[name])
    if isinstance(first, tuple) and any(isinstance(text, str) for row in values for text in row):
        return _several(values, roles, encoders[name])
    if isinstance(first, tuple) and name.endswith("_id"):
        return _numbers(name, _filled(values))
    return _numbers(name, values)


def _several(values: list[tuple[str, ...]], roles: list[str], encode: _Encoder) -> _Texts:
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


def _with_spans(values: list[Chunked], role: str, encode: _Encoder) -> TextBatch:
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


def _stats(batch: Batch) -> BatchStats:
    texts = [column for column in batch.values() if isinstance(column, TextBatch)]
    tokens = sum(int(text.mask.sum()) for text in texts)
    return BatchStats(tokens, sum(text.mask.size for text in texts))
