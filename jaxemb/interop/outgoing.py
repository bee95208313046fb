"""Which network of others ours is: its settings, and where its arrays go."""

import contextlib
import dataclasses
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError, expression
from jaxemb.encoders import Encoder, PostNormTransformer, SharedTransformer, Transformer
from jaxemb.interop.architectures import Network
from jaxemb.interop.network import network
from jaxemb.interop.weights import paths, place_of, stored_names
from jaxemb.interop.written import WRITERS, Settings, hidden, layers_of, repeats
from jaxemb.model import Embedder

# Fields of an encoder that its settings need not give back: without them the numbers are the same.
_FREE = ("dropout", "attention_dropout", "loop", "parent", "name")


def settings_of(embedder: Embedder) -> tuple[Settings, Network]:
    """`config.json` of the network, and that network as it will be read again.

    Every kind of network is tried: what its settings would be is read back as a folder's are, and the
    kind is right if the parts are the same.

    Raises:
        UsageError: no kind of network that is written here is the same.
    """
    for kind, (name, write) in WRITERS.items():
        # A part that the kind needs and this network has not: another kind.
        with contextlib.suppress(AttributeError):
            settings = {"model_type": kind, "architectures": [name], **write(embedder)}
            found = network(settings, Path("config.json"))
            if _fields(found.encoder) == _fields(embedder.encoder) and (
                found.tokens == embedder.tokens
            ):
                return settings, found
    raise UsageError(
        f"A network of {expression(embedder.tokens)} and {expression(embedder.encoder)} has no "
        f"counterpart in sentence-transformers; these are written: {', '.join(WRITERS)}."
    )


def _fields(encoder: Encoder) -> dict[str, Any] | None:
    """What decides an encoder's numbers, one form for equal networks."""
    if type(encoder) not in (Transformer, PostNormTransformer, SharedTransformer):
        return None
    names = [field.name for field in dataclasses.fields(Transformer) if field.name not in _FREE]
    return {name: getattr(encoder, name) for name in names} | {
        "hidden": hidden(encoder),
        "pattern": layers_of(encoder),
        "repeats": repeats(encoder),
    }


def arrays_of(params: dict[str, Any], target: Network) -> dict[str, np.ndarray]:
    """The arrays of slots `tokens` and `encoder` by the names that they have there."""
    mine = {slot: params[slot] for slot in ("tokens", "encoder")}
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    for path, array in zip(paths(mine), jax.tree.leaves(mine), strict=True):
        for name, order, part in _named(path, array, target):
            found.setdefault(name, []).append((order, part))
    return {name: _joined(parts) for name, parts in found.items()}


def _named(path: str, array: Any, target: Network) -> Iterator[tuple[str, int, np.ndarray]]:
    theirs = np.asarray(array, np.float32)
    theirs = theirs.T if path.endswith("/kernel") else theirs
    place = place_of(path, target.places)
    for name, part in zip(stored_names(path, target.places), place.parts(theirs), strict=True):
        yield name, place.order, part


def _joined(parts: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """A module's array, of those of ours that share it."""
    rows = [part for _, part in sorted(parts, key=itemgetter(0))]
    return np.ascontiguousarray(rows[0] if len(rows) == 1 else np.concatenate(rows))
