"""Vectors of tokenised texts, computed a batch at a time on all devices of the process."""

import functools
from collections.abc import Callable, Iterable

import jax
import numpy as np

from jaxemb.model.embedder import Embedder, Params
from jaxemb.runtime import local_mesh, on_every_device
from jaxemb.text import Group, TextBatch, group_by_length, pad

Report = Callable[[int, int], None]
"""Called with the texts of a batch and its tokens without padding."""


def embed(
    embedder: Embedder,
    params: Params,
    sequences: list[np.ndarray],
    rows: int | None,
    budget: int | None,
    devices: int,
    show_progress: bool,
    report: Report | None,
) -> np.ndarray:
    """Vectors of tokenised texts, longest first, at most two batches in flight.

    A batch is shared by so many of this process's devices, which hold the parameters.
    """
    if not sequences:
        return np.zeros((0, embedder.dim), np.float32)
    apply = compiled(embedder, devices)
    lengths = [len(ids) for ids in sequences]
    groups = group_by_length(
        lengths,
        embedder.text.max_tokens,
        rows=rows,
        budget=budget or _tokens_a_call(),
        devices=devices,
    )
    vectors, waiting = None, []
    for group in [*_progress(groups, show_progress), None, None]:
        if group is not None:
            waiting.append((group.texts, apply(params, _padded(sequences, group))))
        if len(waiting) > 1 or (group is None and waiting):
            done, computed = waiting.pop(0)
            computed = np.asarray(computed)[: len(done)]
            if vectors is None:
                vectors = np.empty((len(sequences), computed.shape[1]), np.float32)
            vectors[done] = computed
            if report is not None:
                report(len(done), sum(lengths[i] for i in done))
    return vectors


@functools.cache
def _tokens_a_call() -> int:
    # On a CPU the activations of more no longer fit its caches; an accelerator wants to be filled.
    return 1024 if jax.default_backend() == "cpu" else 16384


def _padded(sequences: list[np.ndarray], group: Group) -> TextBatch:
    """A batch of the group's shape; rows that are left over repeat its last text."""
    filler = [sequences[group.texts[-1]]] * (group.rows - len(group.texts))
    return pad([sequences[i] for i in group.texts] + filler, group.tokens)


def _progress(groups: list, show: bool) -> Iterable:
    if not show:
        return groups
    from rich.progress import track

    return track(groups, description="encode")


@functools.lru_cache(maxsize=64)
def compiled(embedder: Embedder, devices: int):
    if devices == 1:
        return jax.jit(embedder.apply)
    return on_every_device(embedder.apply, local_mesh(devices), shared=1)
