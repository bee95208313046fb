"""A model as a folder that describes itself, and as a hash of all that makes its vectors."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError, to_json
from jaxemb.config.files import discard, whole_folder, write_whole, writing_to
from jaxemb.config.manifests import seal

FORMAT = 2
"""Since 2, a model's folder has a manifest."""
KIND = "model"
_SAVED = r"model\.json|manifest\.json|tokenizer(-.*)?\.json|params"
"""The names of what `save` writes."""


def save(model: Any, folder: Path, *, overwrite: bool) -> None:
    """Write the folder of a model.

    Raises:
        UsageError: as `Model.save`.
    """
    if folder.exists():
        if not overwrite:
            raise UsageError(f"{folder} exists already; pass overwrite=True or another folder.")
        _check_replaceable(folder)
    with writing_to(folder), whole_folder(folder) as staging:
        _write(model, staging)
        discard(folder)


def _write(model: Any, folder: Path) -> None:
    from jaxemb.runtime import checkpoints

    description = {
        "format": FORMAT,
        "embedder": to_json(model.embedder),
        "transforms": [to_json(transform) for transform in model.transforms],
    }
    if added := model.params.get("adapters"):  # the network does not tell of them
        description["adapters"] = jax.tree.map(lambda x: list(np.shape(x)), added)
    write_whole(folder / "model.json", json.dumps(description, indent=1))
    if model.tokenizer is not None:
        write_whole(folder / "tokenizer.json", model.tokenizer.to_json())
    for name, tokenizer in model.tokenizers.items():
        write_whole(folder / f"tokenizer-{name}.json", tokenizer.to_json())
    checkpoints.save_params(folder / "params", model.params)
    seal(folder, KIND)


def _check_replaceable(folder: Path) -> None:
    """Refuses to overwrite anything but an empty folder or one that `save` wrote."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file, not the folder of a model; give another place.")
    names = {path.name for path in folder.iterdir()}
    other = {name for name in names if not re.fullmatch(_SAVED, name)}
    if names and (other or "model.json" not in names):
        held = min(other or names)
        raise UsageError(
            f"{folder} is not only a saved model: it holds {held!r}, which overwriting would delete. "
            "Give another folder."
        )


def fingerprint(model: Any) -> str:
    """Hex of a hash of a model's parts, tokenizers, transforms, and weights to the last bit."""
    described = [to_json(model.embedder), [to_json(t) for t in model.transforms]]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    digest.update((model.tokenizer.to_json() if model.tokenizer else "").encode())
    for name, tokenizer in sorted(model.tokenizers.items()):
        digest.update(f"{name} {tokenizer.to_json()}".encode())
    for path, leaf in jax.tree_util.tree_flatten_with_path(model.params)[0]:
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
