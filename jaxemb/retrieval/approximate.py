"""Approximate search, by indexes of the faiss library: fast where a corpus has millions of vectors."""

import contextlib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float, Float32, Int32

from jaxemb.config import AtLeast, Part, UsageError
from jaxemb.config.files import whole_file, writing_to
from jaxemb.statistics.similarities import unit_rows

_BLOCK = 65_536  # documents that are added at a time


@dataclass(frozen=True, kw_only=True)
class Faiss(Part):
    """An index of the faiss library over vectors, which ranks by the inner product.

    Args:
        factory: what faiss calls it: `"Flat"` (exact), `"HNSW32"` (a graph; nothing to fit),
            `"IVF4096,Flat"` (cells of which a few are searched), `"IVF4096,PQ64"` (codes of 64
            bytes in place of vectors, for corpora whose vectors do not fit in memory).
        effort: cells that are searched of an IVF index, candidates that are kept of a graph: more
            find more of the true neighbours and take longer.
        sample: documents that an index which has something to fit is fitted on.
        seed: of the sample.

    Raises:
        UsageError: faiss is not installed (`pip install 'jaxemb[faiss]'`), or knows no such index.

    Example:
        >>> Faiss(factory="IVF4096,Flat", effort=64)

    Reference: Douze et al., The Faiss library, arXiv:2401.08281; the graph is that of Malkov and
    Yashunin, arXiv:1603.09320.
    """

    factory: str = "HNSW32"
    effort: Annotated[int, AtLeast(1)] = 64
    sample: Annotated[int, AtLeast(1)] = 262_144
    seed: Annotated[int, AtLeast(0)] = 0

    def check(self) -> None:
        """Raises UsageError, before anything is embedded, where faiss is absent."""
        _faiss()

    def over(self, vectors: Float[np.ndarray, "documents width"], *, unit: bool) -> "FaissIndex":
        """An index over vectors, which may be mapped from disk: they are read block by block.

        Args:
            unit: rows are scaled to unit length, on both sides: the inner product is the cosine.
        """
        faiss = _faiss()
        with _told(self.factory):
            engine = faiss.index_factory(vectors.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
            if not engine.is_trained:
                engine.train(_rows(vectors[self._sampled(len(vectors))], unit))
            for start in range(0, len(vectors), _BLOCK):
                engine.add(_rows(vectors[start : start + _BLOCK], unit))
        return FaissIndex(engine, self.effort, unit)

    def load(self, path: Path, *, unit: bool) -> "FaissIndex":
        """The index of a file that `FaissIndex.save` wrote."""
        faiss = _faiss()
        if not Path(path).is_file():
            raise UsageError(f"There is no index at {path}.")
        with _told(str(path)):
            return FaissIndex(faiss.read_index(str(path)), self.effort, unit)

    def _sampled(self, count: int) -> Int32[np.ndarray, " sample"]:
        draw = np.random.default_rng(self.seed)
        some = draw.choice(count, size=min(count, self.sample), replace=False)
        return np.sort(some).astype(np.int32)


class FaissIndex:
    """Vectors ready for approximate search; made by `Faiss.over`."""

    def __init__(self, engine: Any, effort: int, unit: bool):
        self._engine, self._effort, self._unit = engine, effort, unit

    @property
    def size(self) -> int:
        """How many documents there are."""
        return self._engine.ntotal

    def search(
        self, queries: Float[np.ndarray, "queries width"], k: int
    ) -> tuple[Int32[np.ndarray, "queries best"], Float32[np.ndarray, "queries best"]]:
        """`(ids, scores)` of `min(k, documents)` documents for each query, best first.

        Where the index finds fewer, the rest have the id -1 and the score -inf.
        """
        faiss, best = _faiss(), min(k, self.size)
        if best == 0 or len(queries) == 0:
            empty = (len(queries), best)
            return np.zeros(empty, np.int32), np.zeros(empty, np.float32)
        settings = faiss.ParameterSpace()
        efforts = {"nprobe": self._effort, "efSearch": max(self._effort, best)}
        for name, effort in efforts.items():
            with contextlib.suppress(RuntimeError):  # an index has one of them, or none
                settings.set_index_parameter(self._engine, name, effort)
        scores, ids = self._engine.search(_rows(queries, self._unit), best)
        return ids.astype(np.int32), np.where(ids < 0, -np.inf, scores).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        with writing_to(path), whole_file(Path(path)) as staging:
            _faiss().write_index(self._engine, str(staging))


def _rows(vectors: Float[np.ndarray, "rows width"], unit: bool) -> Float32[np.ndarray, "_ _"]:
    rows = np.ascontiguousarray(vectors, np.float32)
    if not np.isfinite(rows).all():
        raise UsageError("A vector is not finite: no order of scores would be right.")
    return unit_rows(rows) if unit else rows


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """faiss's own errors name C++ files; their last line says what is wrong."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][-200:]
        raise UsageError(f"faiss cannot make or read the index {what}: {reason}") from error


def _faiss() -> Any:
    try:
        return importlib.import_module("faiss")
    except ImportError:
        raise UsageError(
            "Approximate search needs the package faiss: pip install 'jaxemb[faiss]'."
        ) from None
