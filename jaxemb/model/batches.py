"""Vectors of tokenised texts, computed a batch at a time on all devices of the process."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jaxemb.losses import Embedded
from jaxemb.runtime import local_mesh, on_every_device
from jaxemb.text import Group, TextBatch, group_by_length, group_in_few_shapes, pad

Params = dict[str, Any]
"""A nested dict of arrays, by part and module."""

Report = Callable[[int, int], None]
"""Called with the texts of a batch and its tokens without padding."""


def embed(
    tower: Any,
    params: Params,
    sequences: list[np.ndarray],
    rows: int | None,
    budget: int | None,
    devices: int,
    report: Report | None,
    prompt: int = 0,
) -> Any:
    """Vectors of tokenised texts, longest first, at most two batches in flight.

    A batch is shared by so many of this process's devices, which hold the parameters. `prompt` says
    how many first tokens of each text are the prompt's.
    """
    apply = compiled(tower, devices)
    lengths = [len(ids) for ids in sequences]
    groups = _grouping()(
        lengths,
        tower.text.max_tokens,
        rows=rows,
        budget=budget or _tokens_a_call(),
        devices=devices,
    )
    warm(tower, params, {group[1:] for group in groups}, devices)
    vectors = Gathered(len(sequences), tower.dim)
    waiting = []
    for group in [*groups, None, None]:
        if group is not None:
            batch = padded(sequences, group, prompt if tower.reads_prompt else None)
            waiting.append((group.texts, apply(params, batch)))
        if len(waiting) > 1 or (group is None and waiting):
            done, computed = waiting.pop(0)
            vectors.put(done, computed)
            if report is not None:
                report(len(done), sum(lengths[i] for i in done))
    return vectors.rows


def warm(tower: Any, params: Params, shapes: Iterable[tuple[int, int]], devices: int) -> None:
    """Have the programs of several shapes compiled side by side: XLA works without Python's lock.

    The calls that follow find them; one shape alone is compiled by its first call.
    """
    known = _warmed(tower, devices)
    new = sorted(set(shapes) - known)
    known.update(new)
    if len(new) < 2:
        return
    apply = compiled(tower, devices)
    # Lowered in this thread, where settings such as a precision that the caller chose hold.
    lowered = [apply.lower(params, _like(*shape, tower.reads_prompt)) for shape in new]
    with ThreadPoolExecutor(min(len(lowered), os.cpu_count() or 1)) as pool:
        for _ in pool.map(lambda one: one.compile(), lowered):
            pass


def _like(rows: int, tokens: int, reads_prompt: bool) -> TextBatch:
    ids, mask = (jax.ShapeDtypeStruct((rows, tokens), dtype) for dtype in (np.int32, np.bool_))
    return TextBatch(ids, mask, prompt=mask if reads_prompt else None)


@functools.lru_cache(maxsize=64)
def _warmed(tower: Any, devices: int) -> set[tuple[int, int]]:
    """Shapes whose programs have been asked for."""
    return set()


class Gathered:
    """What batches gave, in the order of the texts: an array, or a list where texts have several.

    Attributes:
        rows: `[texts, dim]`, or an array `[items, dim]` for each text.
    """

    def __init__(self, texts: int, dim: int):
        self.rows: Any = np.zeros((texts, dim), np.float32)

    def put(self, places: Sequence[int], computed: Embedded) -> None:
        """The vectors of the texts at these places; what a batch has beyond them is filler."""
        vectors = np.asarray(computed.vectors)[: len(places)]
        if vectors.ndim == 2:
            self.rows[places] = vectors
            return
        if not isinstance(self.rows, list):
            self.rows = [None] * len(self.rows)
        real = np.ones(vectors.shape[:2], bool) if computed.real is None else computed.real
        for place, row, is_item in zip(places, vectors, np.asarray(real), strict=False):
            self.rows[place] = row[is_item]


@functools.cache
def _tokens_a_call() -> int:
    # On a CPU the activations of more no longer fit its caches; an accelerator wants to be filled.
    return 1024 if jax.default_backend() == "cpu" else 16384


def _grouping() -> Callable[..., list[Group]]:
    # A program of an accelerator takes longer to compile than a few more tokens of padding.
    return group_by_length if jax.default_backend() == "cpu" else group_in_few_shapes


def padded(sequences: list[np.ndarray], group: Group, prompt: int | None = None) -> TextBatch:
    """A batch of the group's shape; rows that are left over repeat its last text."""
    filler = [sequences[group.texts[-1]]] * (group.rows - len(group.texts))
    rows = [sequences[i] for i in group.texts] + filler
    return pad(rows, group.tokens, None if prompt is None else [prompt] * len(rows))


@functools.lru_cache(maxsize=64)
def compiled(tower: Any, devices: int):
    """The tower's vectors as one program per shape, without what the encoder says besides."""

    def vectors(params: Params, batch: TextBatch) -> Embedded:
        return tower.vectors(params, batch).plain

    if devices == 1:
        return jax.jit(vectors)
    return on_every_device(vectors, local_mesh(devices), shared=1)
