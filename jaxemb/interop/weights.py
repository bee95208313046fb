"""Arrays of a safetensors file, brought to the names and shapes of our parameters."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.config import UsageError
from jaxemb.interop.architectures import Architecture, Config
from jaxemb.interop.files import Tensors

# Names that the first checkpoints of BERT had for a norm's arrays.
_OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def network_params(
    folder: Path, config: Config, kind: Architecture, shapes: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters of slots `tokens` and `encoder`, whose `shapes` say what is needed.

    Kernels are transposed: there a row is an output, here a column. Weights of half precision
    become float32.

    Raises:
        UsageError: an array is absent, has another shape, or is one that no part here reads.
    """
    tensors = Tensors(folder)
    stored = {_plain(name, kind): name for name in tensors.names()}
    leaves, structure = jax.tree_util.tree_flatten_with_path(dict(shapes))
    paths = ["/".join(str(key.key) for key in keys) for keys, _ in leaves]
    wanted = [stored_name(path, kind) for path in paths]
    _check_names(folder, wanted, stored, kind)
    arrays = tensors.read(stored[name] for name in wanted)
    values = []
    for path, name, (_, shape) in zip(paths, wanted, leaves, strict=True):
        array = _ours(path, arrays[stored[name]], kind.first(config))
        if array.shape != shape.shape:
            raise UsageError(
                f"{folder}: {stored[name]} has the shape {arrays[stored[name]].shape}, which does "
                "not fit config.json."
            )
        values.append(jnp.asarray(array))
    return jax.tree_util.tree_unflatten(structure, values)


def _plain(name: str, kind: Architecture) -> str:
    """A stored name without the model's prefix, in today's spelling."""
    for prefix in kind.prefixes:
        name = name.removeprefix(prefix)
    for old, new in _OLD.items():
        name = name.replace(old, new)
    return name


def stored_name(path: str, kind: Architecture) -> str:
    """`encoder/block_3/attention/query/kernel` as the checkpoint calls it."""
    module, _, leaf = path.rpartition("/")
    block = re.search(r"block_(\d+)", module)
    name = kind.modules[re.sub(r"block_\d+", "block", module)]
    name = name.format(n=block[1]) if block else name
    return f"{name}.{'bias' if leaf == 'bias' else 'weight'}"


def _ours(path: str, array: np.ndarray, first: int) -> np.ndarray:
    if path.endswith("kernel"):
        return np.ascontiguousarray(array.T)
    if path.startswith("encoder/position/") and not path.endswith("position/embedding"):
        return array[first:]
    return array


def _check_names(
    folder: Path, wanted: list[str], stored: Mapping[str, str], kind: Architecture
) -> None:
    lacking = [name for name in wanted if name not in stored]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise UsageError(f"The weights in {folder} lack {lacking[0]}{more}.")
    layer = re.escape(kind.modules["encoder/block/attention_norm"].partition("{n}")[0]) + r"\d+\."
    known = {re.sub(layer, "", name) for name in wanted}
    others = [
        name
        for name in stored
        if re.sub(layer, "", name) not in known
        and not name.startswith(kind.unused)
        and not name.endswith(("position_ids", "token_type_ids"))
    ]
    if others:
        raise UsageError(
            f"The weights in {folder} hold {others[0]}, and no part here reads it: the vectors "
            "would not be the model's."
        )
