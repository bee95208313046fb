"""A model's folder of Hugging Face or sentence-transformers, read as a Model of our own parts."""

import dataclasses
from pathlib import Path

import jax

from jaxemb.config import UsageError
from jaxemb.config.files import read_json
from jaxemb.interop.architectures import architecture, encoder
from jaxemb.interop.modules import Modules, read_modules
from jaxemb.interop.pieces import longest, read_tokenizer
from jaxemb.interop.weights import network_params
from jaxemb.model import Embedder, Model
from jaxemb.text import GivenPieces
from jaxemb.tokens import TokenTable


def is_folder(folder: Path) -> bool:
    """Whether a folder looks like one of theirs: it has `modules.json` or `config.json`."""
    return (folder / "modules.json").is_file() or (folder / "config.json").is_file()


def describe(folder: Path) -> Embedder:
    """The embedder that a folder's settings describe; no weights are read.

    Raises:
        UsageError: the folder holds something that no part here does.
    """
    return _embedder(folder, read_modules(folder))


def read(folder: Path, *, layers: int | None = None, max_tokens: int | None = None) -> Model:
    """The model in a folder: safetensors weights, tokenizer, pooling and heads.

    Args:
        layers: read the first layers only.
        max_tokens: cut texts there, where that is shorter than the folder's own limit.

    Raises:
        UsageError: the folder holds no safetensors weights, or something that no part here does.
    """
    modules = read_modules(folder)
    embedder = cut(_embedder(folder, modules), layers, max_tokens)
    config = read_json(modules.network / "config.json")
    kind, shapes = architecture(config, modules.network), embedder.shapes()
    network = {slot: shapes[slot] for slot in ("tokens", "encoder")}
    params = network_params(modules.network, config, kind, network)
    params |= {"pooling": {}, "head": modules.head_params()}
    _check_head(folder, params["head"], shapes["head"])
    return Model(
        embedder=embedder,
        params=params,
        tokenizer=read_tokenizer(modules.network, embedder.text, modules.lowercase),
    )


def _check_head(folder: Path, params: dict, shapes: dict) -> None:
    found, wanted = (jax.tree.map(lambda x: x.shape, tree) for tree in (params, shapes))
    if found != wanted:
        raise UsageError(f"The modules in {folder} do not fit each other: {found}, not {wanted}.")


def cut(embedder: Embedder, layers: int | None, max_tokens: int | None) -> Embedder:
    """The embedder with its first layers, for texts of at most `max_tokens`."""
    if max_tokens is not None and max_tokens < embedder.text.max_tokens:
        text = dataclasses.replace(embedder.text, max_tokens=max_tokens)
        embedder = dataclasses.replace(embedder, text=text)
    return embedder if layers is None else embedder.truncated(layers)


def _embedder(folder: Path, modules: Modules) -> Embedder:
    config = read_json(modules.network / "config.json")
    network = encoder(config, modules.network)
    if "vocab_size" not in config:
        raise UsageError(f"{modules.network / 'config.json'} does not say vocab_size.")
    place = getattr(network.position, "inner", network.position)
    limit = modules.max_tokens or longest(modules.network, place.max_tokens)
    return Embedder(
        text=GivenPieces(
            vocabulary=config["vocab_size"],
            max_tokens=min(limit, place.max_tokens),
            template=modules.template,
        ),
        tokens=TokenTable(),
        encoder=network,
        pooling=modules.pooling,
        head=modules.head,
    )
