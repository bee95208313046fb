"""Arrays of a checkpoint, brought to the names and shapes of our parameters."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.config import UsageError
from jaxemb.interop.architectures import Network, Places, Stored, stored

# Names that the first checkpoints of BERT had for a norm's arrays.
_OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
# Written beside the weights by some, and computed anew by all.
_COMPUTED = ("position_ids", "token_type_ids", "rotary_emb.inv_freq", "embed_scale")


@runtime_checkable
class Arrays(Protocol):
    """The arrays of a checkpoint by name."""

    place: Path

    def names(self) -> Iterator[str]:
        """The names of all."""

    def read(self, names: Iterator[str]) -> dict[str, np.ndarray]:
        """The named ones, in float32."""


def network_params(
    arrays: Arrays, network: Network, shapes: Mapping[str, Any], *, layers: int
) -> dict[str, Any]:
    """The parameters of slots `tokens` and `encoder`, whose `shapes` say what is needed.

    Kernels are transposed: there a row is an output, here a column. Weights of half precision
    become float32.

    Args:
        layers: of the checkpoint, of which `shapes` may be the first ones.

    Raises:
        UsageError: an array is absent, has another shape, or is one that no part here reads.
    """
    found = {_plain(name, network.prefixes): name for name in arrays.names()}
    forms = [places for places in (network.places, network.older_places) if places]
    wanted = [{n for path in paths(shapes) for n in stored_names(path, form)} for form in forms]
    places, names = max(zip(forms, wanted, strict=True), key=lambda one: len(one[1] & found.keys()))
    _check_others(arrays.place, names, found, places, network, layers)
    return _read(arrays, places, shapes, found)


def output_params(arrays: Arrays, network: Network, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the output that predicts tokens.

    Raises:
        UsageError: an array is absent, or has another shape.
    """
    found = {_plain(name, network.prefixes): name for name in arrays.names()}
    return _read(arrays, network.output_places, {"output": shapes}, found)["output"]


def _read(
    arrays: Arrays, places: Places, shapes: Mapping[str, Any], found: Mapping[str, str]
) -> dict[str, Any]:
    wanted = [name for path in paths(shapes) for name in stored_names(path, places)]
    lacking = [name for name in dict.fromkeys(wanted) if name not in found]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UsageError(f"The weights in {arrays.place} lack {lacking[0]}{more}.")
    leaves, structure = jax.tree_util.tree_flatten_with_path(dict(shapes))
    values = []
    for path, (_, shape) in zip(paths(shapes), leaves, strict=True):
        names = [found[name] for name in stored_names(path, places)]
        values.append(_ours(arrays, path, names, place_of(path, places), shape.shape))
    return jax.tree_util.tree_unflatten(structure, values)


def _ours(
    arrays: Arrays, path: str, names: list[str], place: Stored, shape: tuple[int, ...]
) -> jax.Array:
    read = arrays.read(iter(names))
    theirs = [read[name] for name in names]
    wanted = shape[::-1] if path.endswith("/kernel") else shape
    try:
        array = place.made(theirs)
    except ValueError:  # arrays that do not stand below one another
        array = theirs[0]
    if array.shape != wanted:
        sizes = " and ".join(str(one.shape) for one in theirs)
        raise UsageError(
            f"{arrays.place}: {', '.join(names)} has the shape {sizes}, which does not fit the "
            f"settings: {wanted} is needed."
        )
    return jnp.asarray(np.ascontiguousarray(array.T) if path.endswith("/kernel") else array)


def paths(shapes: Mapping[str, Any]) -> list[str]:
    """`encoder/block_3/attention/query/kernel` of every leaf, in the tree's order."""
    leaves = jax.tree_util.tree_leaves_with_path(dict(shapes))
    return ["/".join(str(key.key) for key in keys) for keys, _ in leaves]


def stored_names(path: str, places: Places) -> list[str]:
    """The checkpoint's names of one of our arrays, of which there may be several."""
    block, leaf = re.search(r"block_(\d+)", path), path.rpartition("/")[2]
    names = place_of(path, places).named("bias" if leaf == "bias" else "weight")
    return [name.format(n=block[1]) if block else name for name in names]


def place_of(path: str, places: Places) -> Stored:
    """Where one of our arrays stands."""
    path = re.sub(r"block_\d+", "block", path)
    return stored(places[path if path in places else path.rpartition("/")[0]])


def _plain(name: str, prefixes: tuple[str, ...]) -> str:
    """A stored name without the model's prefix, in today's spelling."""
    for prefix in prefixes:
        name = name.removeprefix(prefix)
    for old, new in _OLD.items():
        name = name.replace(old, new)
    return name


def _check_others(
    place: Path,
    wanted: set[str],
    found: Mapping[str, str],
    places: Places,
    network: Network,
    layers: int,
) -> None:
    """Refuses a checkpoint with an array that is neither read nor known to serve another purpose."""
    kept = network.encoder.layers
    later = [
        re.compile(re.escape(name).replace(r"\{n\}", r"(\d+)"))
        for one in places.values()
        for end in ("weight", "bias")
        for name in stored(one).named(end)
        if "{n}" in name
    ]
    for name in found:
        if name in wanted or name.startswith(network.unused) or name.endswith(_COMPUTED):
            continue
        numbers = [int(match[1]) for p in later if (match := p.fullmatch(name))]
        if not any(kept <= n < layers for n in numbers):
            raise UsageError(
                f"The weights in {place} hold {found[name]}, and no part here reads it: the "
                "vectors would not be the model's."
            )
