"""Vectors of a text's chunks, from one reading of the whole text or of windows that overlap."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32, Int32

from jaxemb.config import UsageError
from jaxemb.text import TextBatch, pad


class Window(NamedTuple):
    """Tokens `start` to `end` are read together; the states from `kept` on are kept."""

    start: int
    end: int
    kept: int


def windows(tokens: int, size: int, overlap: int = 0) -> list[Window]:
    """Windows of `size` tokens over a text, each of which begins `overlap` before the last one's end.

    Every token's state is kept once: from the second window on, the first `overlap` states are only
    context for the others.

    Raises:
        UsageError: `overlap` is below 0, or not below `size`.

    Example:
        >>> windows(10, size=6, overlap=2)
        [Window(start=0, end=6, kept=0), Window(start=4, end=10, kept=6)]

    Reference: Günther et al., Late Chunking, arXiv:2409.04701, section 3.2 (long late chunking).
    """
    if not 0 <= overlap < size:
        raise UsageError(
            f"overlap={overlap} must be at least 0 and below the window's size={size}."
        )
    found, start = [], 0
    while not found or found[-1].end < tokens:
        kept = found[-1].end if found else 0
        found.append(Window(start, min(start + size, tokens), kept))
        start += size - overlap
    return found


def chunk_vectors(
    tower: Any,
    params: Any,
    ids: Int32[np.ndarray, " tokens"],
    spans: Bool[np.ndarray, "chunks tokens"],
    read: list[Window],
) -> Float32[np.ndarray, "chunks dim"]:
    """A vector for each span of a text that is read in windows; 0 for a span without tokens.

    Windows and spans are padded to few shapes, so that few programs are compiled.
    """
    size = min(_power(max(w.end - w.start for w in read), least=16), tower.text.max_tokens)
    filled = [*read, *[read[-1]] * (_power(len(read)) - len(read))]
    batch = pad([ids[w.start : w.end] for w in filled], size)
    # Where each token's state stands, in the windows laid end to end.
    places = np.concatenate(
        [n * size + np.arange(w.kept - w.start, w.end - w.start) for n, w in enumerate(read)]
    )
    count, padding = len(spans), (0, _power(len(ids), least=16) - len(ids))
    vectors = _compiled(tower)(
        params,
        batch,
        np.pad(places, padding).astype(np.int32),
        np.pad(spans, ((0, _power(count, least=8) - count), padding)),
    )
    return np.asarray(vectors)[:count] * spans.any(axis=1)[:, None]


def _power(count: int, least: int = 1) -> int:
    """The next power of two."""
    return max(least, 1 << max(count - 1, 0).bit_length())


@functools.lru_cache(maxsize=16)
def _compiled(tower: Any):
    """States of all windows, those of the text in its order, and a vector of each span of them."""

    def vectors(params: Any, batch: TextBatch, places: jax.Array, spans: jax.Array) -> jax.Array:
        states, _, _ = tower.hidden(params, batch)
        depth, rows, tokens, width = states.shape
        whole = states.reshape(depth, 1, rows * tokens, width)[:, :, places]
        # A span that is empty is read as its first token: no pooling has to divide by nothing.
        first = jnp.arange(spans.shape[1]) == 0
        full = jnp.where(jnp.any(spans, axis=1, keepdims=True), spans, first)
        # No chunk holds a token of the prompt, so that none has to be left out.
        told = {"ids": jnp.asarray(batch.ids).reshape(1, rows * tokens)[:, places]}
        return jax.lax.map(lambda span: tower.read(params, whole, span[None], told)[0], full)

    return jax.jit(vectors)
