"""Models read from folders: those of runs, saved ones, and those of Hugging Face."""

import os
from pathlib import Path
from typing import Any, TypedDict

import jax
import jax.numpy as jnp

from jaxemb.config import UsageError, conform, from_json
from jaxemb.config.files import given_path
from jaxemb.config.manifests import check
from jaxemb.config.reading import check_format, read_json, read_text
from jaxemb.interop.folder import shapes_of
from jaxemb.model import FORMAT, KIND, Model, Transform
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
    description = read_description(folder)
    if "pretrained" in description:
        from jaxemb.interop.pretrained import Pretrained

        named = conform(from_json(description["pretrained"]), Pretrained, "pretrained")
        return named.start_again(description.get("weights", ""))
    return _read(folder, description)


class Description(TypedDict, total=False):
    """What `model.json` holds."""

    format: int
    embedder: dict[str, Any]
    transforms: list[dict[str, Any]]
    adapters: dict[str, Any]
    pretrained: dict[str, Any]
    weights: str


def read_description(folder: Path) -> Description:
    """What `model.json` says of a model of ours, whose folder is what was written.

    Raises:
        UsageError: it cannot be read, is of a format that is yet to come, or the folder is damaged.
    """
    file = folder / "model.json"
    description = read_json(file, Description)
    written = check_format(file, description.get("format", 0), FORMAT)
    check(folder, KIND, required=written >= 2, alone=True)
    if not description.keys() & {"embedder", "pretrained"}:
        raise UsageError(f"{file} lacks embedder.")
    return description


def _read(folder: Path, description: Description) -> Model:
    from jaxemb.runtime import checkpoints

    network = conform(from_json(description["embedder"]), Network, "embedder")
    own = {
        name: _tokenizer(folder / f"tokenizer-{name}.json", tower.text)
        for name, tower in network.by_name.items()
        if (folder / f"tokenizer-{name}.json").exists()
    }
    shared, made = folder / "tokenizer.json", description.get("transforms", [])
    return Model(
        embedder=network,
        params=checkpoints.load_params(folder / "params", _shapes(folder, network, description)),
        tokenizer=_tokenizer(shared, network.text) if shared.exists() else None,
        tokenizers=own,
        transforms=conform(from_json(made), tuple[Transform, ...], "transforms"),
    )


def _shapes(folder: Path, network: Network, description: Description) -> Params:
    """The network's parameters, and those that adapters put beside them."""
    own = shapes_of(network, folder / "model.json")
    added = description.get("adapters")
    if added is None:
        return own
    shapes = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(tuple(shape), jnp.float32),
        added,
        is_leaf=lambda value: isinstance(value, list),
    )
    return {**own, "adapters": shapes}


def _tokenizer(file: Path, text: Text) -> Tokenizer:
    tokenizer = Tokenizer.from_json(read_text(file), text)
    if tokenizer.largest >= text.vocabulary:
        raise UsageError(
            f"{file} has a piece with the id {tokenizer.largest}, and the model's token table has "
            f"{text.vocabulary} rows."
        )
    return tokenizer


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
