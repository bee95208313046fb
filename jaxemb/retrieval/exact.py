"""Exact nearest neighbours: every document is scored, block by block, and the best are kept."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Float32, Int32

from jaxemb.config import UsageError
from jaxemb.runtime import local_mesh, on_every_device, place_rows
from jaxemb.statistics.similarities import unit_rows

BLOCK = 8_192  # documents a product; a device works on one block at a time
BATCH = 512  # queries a product: its scores stay below what the allocator gives back at once
_IN_FLIGHT = 2
_LEAST_QUERIES = 64
_CHUNKS_READ = (4, 8, 32)  # chunks that are read of a block, once the running list is good
_ALONE = 4  # the share of the queries that is read alone, where the lists of no more change

# Unnamed axes: pieces differ in length, and that widths agree is checked with a message of its own.
Vectors = Float[np.ndarray, "_ _"] | Float[Array, "_ _"]
Found = tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]


class Best(NamedTuple):
    """The running best of a batch of queries, best first; id -1 where there are fewer than `k`."""

    scores: Float32[Array, "*shards queries k"]
    ids: Int32[Array, "*shards queries k"]


def top_k(
    queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
    documents: Vectors | Iterable[Vectors],
    k: int,
    *,
    block: int = BLOCK,
    devices: int | None = None,
) -> Found:
    """The `best = min(k, documents)` documents of every query by inner product, best first.

    score[q, d] = <queries[q], documents[d]>; equal scores keep the lower document number first.

    Documents are visited a block at a time and dealt out over the devices in turn; each device keeps
    its own best, and the lists are merged at the end. A block's scores are read once, for the
    maximum of every chunk of √(block / k) neighbours: the best `k` documents stand in the `k` chunks
    of highest maximum, so only those are sorted. Blocks are cut alike whatever the devices, hence
    the result is the same to the last bit on one device and on many.

    Args:
        queries: `[queries, width]`, held in memory.
        documents: `[documents, width]`, which may be a `numpy.memmap`; or an iterable of such
            arrays, a corpus that is read or embedded piece by piece. No more than a block a device
            is in memory beside what is passed in.
        k: how many to find.
        block: documents a product. Rounding may differ between block sizes, as between any two
            shapes of a matrix product.
        devices: how many of this process's devices share the corpus; all by default.

    Raises:
        ValueError: if the widths differ, or if `k` or `block` is below 1.
        UsageError: if a vector is not finite; its number is named.

    Example:
        >>> import numpy as np
        >>> ids, scores = top_k(np.eye(2, dtype="float32"), np.eye(3, 2, dtype="float32"), k=1)
        >>> ids.tolist(), scores.tolist()
        ([[0], [1]], [[1.0], [1.0]])
        >>> pieces = (np.full((2, 2), n, "float32") for n in range(3))
        >>> top_k(np.ones((1, 2), "float32"), pieces, k=3)[0].tolist()
        [[4, 5, 2]]
    """
    return _searched(queries, documents, k, block, devices, _plain32)


def _searched(
    queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
    documents: Vectors | Iterable[Vectors],
    k: int,
    block: int,
    devices: int | None,
    prepared: Callable[[Vectors], Float32[np.ndarray, "_ _"]],
) -> Found:
    """The best by the inner product of rows that are `prepared`, as many at a time as are visited."""
    if k < 1 or block < 1:
        raise ValueError(f"k and block must be at least 1; got k={k}, block={block}")
    if hasattr(documents, "shape"):
        block = _even(len(documents), block)
        k_kept, documents = min(k, len(documents)), [documents]
    else:
        k_kept = k
    if len(queries) == 0 or k_kept == 0:
        return np.zeros((len(queries), k_kept), "int32"), np.zeros(
            (len(queries), k_kept), "float32"
        )
    search = _Search(queries, k_kept, block, local_mesh(devices), prepared)
    for piece in documents:
        search.add(piece)
    return search.result()


def cosine_top_k(
    queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
    documents: Vectors | Iterable[Vectors],
    k: int,
    *,
    block: int = BLOCK,
    devices: int | None = None,
) -> Found:
    """`top_k` by the cosine: both sides are scaled to unit length (a zero vector stays zero).

    Documents are scaled block by block, so that a corpus on disk stays there.

    Example:
        >>> import numpy as np
        >>> documents = np.array([[9.0, 0.0], [6.0, 8.0]])
        >>> ids, scores = cosine_top_k(np.array([[3.0, 4.0]]), documents, 2)
        >>> ids.tolist()
        [[1, 0]]
    """
    return _searched(queries, documents, k, block, devices, _unit32)


def _plain32(vectors: Vectors) -> Float32[np.ndarray, "_ _"]:
    return np.asarray(vectors, np.float32)


def _unit32(vectors: Vectors) -> Float32[np.ndarray, "_ _"]:
    return unit_rows(np.asarray(vectors, np.float32))


def _check_finite(vectors: np.ndarray, what: str, first: int) -> None:
    """Refuses vectors that are not finite: no order of scores would be right."""
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise UsageError(f"The vector of {what} {first + row} is not finite.")


class _Search:
    """The state of one search: the queries on the devices, their best so far, rows not yet visited."""

    def __init__(
        self,
        queries: Float[np.ndarray, "queries width"] | Float[Array, "queries width"],
        k: int,
        block: int,
        mesh: Mesh,
        prepared: Callable[[Vectors], Float32[np.ndarray, "_ _"]],
    ):
        self._prepared = prepared
        self._mesh, self._k, self._width = mesh, k, queries.shape[1]
        self._members = _members(block, k)
        self._block = -(-block // self._members) * self._members
        self._count, self._seen = len(queries), 0
        _check_finite(np.asarray(queries), "query", 0)
        self._queries = list(_query_batches(prepared(queries)))
        self._best = [self._nothing(len(batch)) for batch in self._queries]
        self._rest = np.zeros((0, self._width), np.float32)

    def add(self, documents: Vectors) -> None:
        """Visits further documents, in the order of their numbers."""
        if documents.shape[1] != self._width:
            raise ValueError(f"queries are {self._width} wide, documents {documents.shape[1]}")
        stride, start = self._block * self._mesh.size, 0
        if len(self._rest):
            start = min(len(documents), stride - len(self._rest))
            more = self._read(documents[:start], self._seen + len(self._rest))
            self._rest = np.concatenate([self._rest, more])
            if len(self._rest) < stride:
                return
            self._visit(self._rest)
        while start + stride <= len(documents):
            self._visit(self._read(documents[start : start + stride], self._seen))
            start += stride
        self._rest = np.array(self._read(documents[start:], self._seen))

    def _read(self, documents: Vectors, first: int) -> Float32[np.ndarray, "rows width"]:
        """Rows in memory, as they are multiplied; each is read once, from wherever it is."""
        rows = np.asarray(documents)
        _check_finite(rows, "document", first)
        return self._prepared(rows)

    def result(self) -> Found:
        """The best of all that was added, after which nothing can be."""
        if len(self._rest):
            self._visit(self._rest)
        found = [_joined(best) for best in self._best]
        k = min(self._k, self._seen)
        ids, scores = (
            np.concatenate(parts)[: self._count, :k] for parts in zip(*found, strict=True)
        )
        return ids, scores

    def _nothing(self, rows: int) -> Best:
        shape = (self._mesh.size, rows, self._k)
        empty = Best(np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int32))
        return place_rows(empty, self._mesh)

    def _visit(self, rows: Float32[np.ndarray, "rows width"]) -> None:
        """Every query against one block per device; the last blocks may be short or empty."""
        shards, visit = self._mesh.size, _program(self._mesh, self._k, self._members)
        firsts = self._seen + np.arange(shards, dtype=np.int32) * self._block
        self._seen += len(rows)
        placed = place_rows((self._arranged(rows), firsts), self._mesh)
        for n, batch in enumerate(self._queries):
            self._best[n] = visit(batch, np.int32(self._seen), self._best[n], *placed)
            if n >= _IN_FLIGHT:
                jax.block_until_ready(self._best[n - _IN_FLIGHT])
        jax.block_until_ready(self._best[-_IN_FLIGHT:])

    def _arranged(self, rows: Float32[np.ndarray, "rows width"]) -> Float32[np.ndarray, "_ width"]:
        """Blocks of members × chunks: maxima over a chunk's members are then taken row by row."""
        whole = self._block * self._mesh.size
        if len(rows) < whole:
            rows = np.pad(rows, ((0, whole - len(rows)), (0, 0)))
        chunks = rows.reshape(self._mesh.size, -1, self._members, self._width)
        return np.ascontiguousarray(chunks.swapaxes(1, 2)).reshape(whole, self._width)


@functools.lru_cache(maxsize=64)
def _program(mesh: Mesh, k: int, members: int) -> Callable[..., Best]:
    return on_every_device(functools.partial(_visit, k=k, members=members), mesh, shared=2)


def _visit(
    queries: Float32[Array, "queries width"],
    stop: Int32[Array, ""],
    best: Best,
    documents: Float32[Array, "block width"],
    first: Int32[Array, " 1"],
    *,
    k: int,
    members: int,
) -> Best:
    """The best of the running list and one block, whose documents are numbered from `first`.

    Documents numbered from `stop` on are padding.
    """
    scores = jnp.dot(queries, documents.T, precision=jax.lax.Precision.HIGHEST)
    scores = scores.reshape(len(queries), members, -1)
    merged = _merged(scores, Best(best.scores[0], best.ids[0]), first, stop, k)
    return Best(*(found[None] for found in merged))


def _merged(
    scores: Float32[Array, "queries members chunks"],
    best: Best,
    first: Int32[Array, " 1"],
    stop: Int32[Array, ""],
    k: int,
) -> Best:
    """Reads the chunks whose maximum beats the running list: a few, or as many as there may be.

    Later blocks change the lists of a few queries only, and only those are then sorted again.
    """
    queries, members, chunks = scores.shape
    numbers = first + jnp.arange(chunks) * members + jnp.arange(members)[:, None]
    maxima = _maxima(scores, numbers < stop)
    most = min(k, chunks)
    # A chunk that only equals the last of the list holds higher numbers: it comes after it.
    better = jnp.sum(maxima > best.scores[:, -1:], axis=1)
    widest, changed = jnp.max(better), jnp.sum(better > 0)
    read = functools.partial(_read, scores, maxima, best, first, stop, better)
    enough = functools.partial(read, queries, most)
    sizes = [(queries, few) for few in _CHUNKS_READ if few < most]
    if sizes and queries >= _LEAST_QUERIES:
        sizes.insert(0, (queries // _ALONE, sizes[0][1]))
    for rows, few in reversed(sizes):
        fits = (changed <= rows) & (widest <= few)
        enough = functools.partial(jax.lax.cond, fits, functools.partial(read, rows, few), enough)
    return enough()


def _read(
    scores: Float32[Array, "queries members chunks"],
    maxima: Float32[Array, "queries chunks"],
    best: Best,
    first: Int32[Array, " 1"],
    stop: Int32[Array, ""],
    better: Int32[Array, " queries"],
    rows: int,
    count: int,
) -> Best:
    """The best of the running list and the `count` chunks of highest maximum, for `rows` queries.

    Those with the most chunks that are `better`. In a tie between chunks the lower one is taken, so
    with `count = k` all that is left out stands behind `k` documents of higher score, or of equal
    score and lower number.
    """
    queries, members, _ = scores.shape
    which = jnp.arange(queries) if rows == queries else jax.lax.top_k(better, rows)[1]
    _, chosen = jax.lax.top_k(maxima[which], count)
    chosen = jnp.sort(chosen, axis=1)  # by number, as the running list before them: ties stay right
    found = scores[which[:, None], :, chosen]
    ids = first + chosen[:, :, None] * members + jnp.arange(members)
    found = jnp.where(ids < stop, found, -jnp.inf)
    found = jnp.concatenate([best.scores[which], found.reshape(rows, -1)], axis=1)
    ids = jnp.concatenate([best.ids[which], ids.reshape(rows, -1)], axis=1)
    found, place = jax.lax.top_k(found, best.scores.shape[1])
    ids = jnp.take_along_axis(ids, place, axis=1)
    return Best(best.scores.at[which].set(found), best.ids.at[which].set(ids))


def _maxima(
    scores: Float32[Array, "queries members chunks"], real: Bool[Array, "members chunks"]
) -> Float32[Array, "queries chunks"]:
    """The highest real score of every chunk; written as maxima of rows, which become one loop."""
    rows = [jnp.where(real[m], scores[:, m], -jnp.inf) for m in range(scores.shape[1])]
    return functools.reduce(jnp.maximum, rows)


def _joined(best: Best) -> Found:
    """The shards' lists as one; equal scores in the order of their numbers."""
    shards, rows, k = best.scores.shape
    scores, ids = (np.asarray(x).swapaxes(0, 1).reshape(rows, shards * k) for x in best)
    if shards == 1:
        return ids, scores
    order = np.lexsort((ids, -scores), axis=1)[:, :k]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _query_batches(queries: Float32[np.ndarray, "queries width"]) -> Iterator[Any]:
    """Queries so many a product; the last batch is padded to a power of two: few programs."""
    for start in range(0, len(queries), BATCH):
        batch = queries[start : start + BATCH]
        yield np.pad(batch, ((0, min(BATCH, _round_up(len(batch))) - len(batch)), (0, 0)))


def _members(block: int, k: int) -> int:
    """Documents a chunk, a power of two: about as many maxima to sort as members of the chunks read."""
    return 1 << max(0, ((block // min(k, max(_CHUNKS_READ))).bit_length() - 1) // 2)


def _even(total: int, block: int) -> int:
    """A block that cuts so many documents into equal parts, or the power of two that holds them."""
    if total <= block:
        return min(block, _round_up(total))
    return -(-total // -(-total // block))


def _round_up(rows: int) -> int:
    """Next of 64, 128, 256, ...: few different sizes, few compilations."""
    return max(_LEAST_QUERIES, 1 << (rows - 1).bit_length())
