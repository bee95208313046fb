"""Models read from folders: those of runs, saved ones, and those of Hugging Face."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp

from jaxemb.config import UsageError, from_json
from jaxemb.config.files import given_path, read_json
from jaxemb.model.model import FORMAT, Model
from jaxemb.model.network import Network, Params
from jaxemb.text import Text, Tokenizer


def load(path: str | os.PathLike) -> Model:
    """A trained model: a run's, one that `Model.save` wrote, or one of Hugging Face's.

    `path` is a folder, be it of a run, of a saved model, of sentence-transformers or of a plain
    Hugging Face model; or the name of a model that a package or the Hugging Face cache holds.

    Example:
        >>> model = jaxemb.load("runs/pooling_and_attention/small/causal-last-1a2b3c4d/seed-0")
        >>> model = jaxemb.load("all-MiniLM-L6-v2")

    Raises:
        UsageError: there is no model there, the run has not finished, a newer jaxemb wrote it, or
            it has something that no part here does.
    """
    folder = _model_folder(given_path(path))
    if folder is None:
        from jaxemb import interop

        return interop.read(interop.find(path))
    description = read_json(folder / "model.json")
    if not isinstance(description, dict):
        raise UsageError(f"{folder / 'model.json'} is a JSON {type(description).__name__}.")
    if description.get("format", 0) > FORMAT:
        raise UsageError(
            f"{folder} was written in format {description['format']}, and this jaxemb reads up to "
            f"{FORMAT}: install a newer jaxemb."
        )
    if "pretrained" in description:
        return from_json(description["pretrained"]).start_again(description["weights"])
    return _read(folder, description)


def _read(folder: Path, description: dict) -> Model:
    from jaxemb.runtime import checkpoints

    network = from_json(description["embedder"])
    own = {
        name: _tokenizer(folder / f"tokenizer-{name}.json", tower.text)
        for name, tower in network.by_name.items()
        if (folder / f"tokenizer-{name}.json").exists()
    }
    shared = folder / "tokenizer.json"
    return Model(
        embedder=network,
        params=checkpoints.load_params(folder / "params", _shapes(network, description)),
        tokenizer=_tokenizer(shared, network.text) if shared.exists() else None,
        tokenizers=own,
        transforms=tuple(from_json(transform) for transform in description["transforms"]),
    )


def _shapes(network: Network, description: dict) -> Params:
    """The network's parameters, and those that adapters put beside them."""
    added = description.get("adapters")
    if added is None:
        return network.shapes()
    shapes = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(tuple(shape), jnp.float32),
        added,
        is_leaf=lambda value: isinstance(value, list),
    )
    return {**network.shapes(), "adapters": shapes}


def _tokenizer(file: Path, text: Text) -> Tokenizer:
    return Tokenizer.from_json(file.read_text(encoding="utf-8"), text)


def model_folder(path: str | os.PathLike) -> Path:
    """Where a model of ours lies: the folder itself, or `model` in that of a finished run.

    Raises:
        UsageError: there is none.
    """
    found = _model_folder(given_path(path))
    if found is None:
        raise UsageError(f"There is no run and no saved model in {path}.")
    return found


def _model_folder(path: Path) -> Path | None:
    """The folder of a model of ours; None where it is to be read as one of Hugging Face's."""
    from jaxemb import interop

    if (path / "model.json").exists():
        return path
    if (path / "model" / "model.json").exists():
        return path / "model"
    if not path.exists():
        return None
    if (path / "run.json").exists():
        raise UsageError(
            f"The run in {path} has not finished: run the same command again to go on."
        )
    if interop.is_folder(path):
        return None
    runs = sorted(str(found.parent.parent) for found in path.glob("*/seed-*/model/model.json"))
    hint = f" Did you mean {runs[0]}?" if runs else ""
    raise UsageError(f"{path} holds neither a run nor a saved model.{hint}")
