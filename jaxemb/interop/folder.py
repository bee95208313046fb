"""A model of others, from a folder or a GGUF file, read as a Model of our own parts."""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from jaxemb.config import UsageError
from jaxemb.heads import Output
from jaxemb.interop.architectures import Network
from jaxemb.interop.gguf import only_file
from jaxemb.interop.modules import Modules, read_modules
from jaxemb.interop.network import network
from jaxemb.interop.pieces import read_tokenizer
from jaxemb.interop.source import Source, source
from jaxemb.interop.weights import network_params, output_params
from jaxemb.model import Embedder, Model
from jaxemb.pooling import Pooling
from jaxemb.text import GivenPieces


def is_folder(folder: Path) -> bool:
    """Whether a path looks like a model of theirs: `modules.json`, `config.json`, or a GGUF file."""
    names = ("modules.json", "config.json")
    return any((folder / name).is_file() for name in names) or only_file(folder) is not None


def describe(folder: Path) -> Embedder:
    """The embedder that a folder's settings describe; no weights are read.

    Raises:
        UsageError: the folder holds something that no part here does.
    """
    modules = read_modules(folder)
    files = source(modules.network)
    return _embedder(files, modules, _network(files))


def read(folder: Path, *, layers: int | None = None, max_tokens: int | None = None) -> Model:
    """The model in a folder or a GGUF file: weights, tokenizer, pooling and heads.

    Args:
        layers: read the first layers only.
        max_tokens: cut texts there, where that is shorter than the folder's own limit.

    Raises:
        UsageError: the folder holds no weights, or something that no part here does.
    """
    modules = read_modules(folder)
    files = source(modules.network)
    whole = _network(files)
    embedder = cut(_embedder(files, modules, whole), layers, max_tokens)
    kept = dataclasses.replace(whole, encoder=embedder.encoder)
    shapes = shapes_of(embedder, folder)
    wanted = {slot: shapes[slot] for slot in ("tokens", "encoder")}
    params = network_params(files.arrays(), kept, wanted, layers=whole.encoder.layers)
    read = output_params(files.arrays(), whole, shapes["pooling"]) if modules.predicts else {}
    params |= {"pooling": read, "head": modules.head_params()}
    _check_head(folder, params["head"], shapes["head"])
    return Model(
        embedder=embedder,
        params=params,
        tokenizer=read_tokenizer(
            files.backend(), files.place, embedder.text, lowercase=modules.lowercase
        ),
    )


def read_output(folder: Path) -> tuple[Output, dict[str, Any]]:
    """What predicts tokens in a language model's folder or GGUF file, and its parameters.

    The token table is not among them: an `Output` reads it from the collection `tied`.

    Raises:
        UsageError: the network has no such output, or the checkpoint lacks its arrays.
    """
    modules = read_modules(folder)
    files = source(modules.network)
    whole = _network(files)
    if whole.output is None:
        raise UsageError(f"The model in {folder} has no output of tokens that jaxemb reads.")
    shapes = _output_shapes(whole, _embedder(files, modules, whole))
    return whole.output, output_params(files.arrays(), whole, shapes)


def _output_shapes(whole: Network, embedder: Embedder) -> dict[str, Any]:
    def start(states: jax.Array, table: jax.Array) -> dict[str, Any]:
        variables, key = {"tied": {"table": table}}, jax.random.key(0)
        _, made = whole.output.apply(variables, states, rngs={"params": key}, mutable=["params"])
        return made.get("params", {})

    states = jax.ShapeDtypeStruct((1, whole.encoder.width), "float32")
    return jax.eval_shape(start, states, embedder.shapes()["tokens"]["embedding"])


def shapes_of(network: Any, place: Path) -> dict[str, Any]:
    """The parameters' shapes of a network that a file or a folder describes.

    Raises:
        UsageError: the settings do not fit each other, such as a width that heads do not divide.
    """
    jax.devices()  # a platform that is not there is no fault of the folder
    try:
        return network.shapes()
    except UsageError:
        raise
    except Exception as error:  # of Flax, of einops, or of a part of somebody's own
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UsageError(f"The settings in {place} do not fit each other: {reason}.") from error


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


def _network(files: Source) -> Network:
    file = files.place / "config.json" if files.place.is_dir() else files.place
    return network(files.settings(), file)


def _embedder(files: Source, modules: Modules, whole: Network) -> Embedder:
    settings = files.settings()
    if "vocab_size" not in settings:
        raise UsageError(f"{files.place / 'config.json'} does not say vocab_size.")
    limit = modules.max_tokens or files.longest(whole.max_tokens)
    return Embedder(
        text=GivenPieces(
            vocabulary=settings["vocab_size"],
            max_tokens=min(limit, whole.max_tokens),
            template=modules.template,
        ),
        tokens=whole.tokens,
        encoder=whole.encoder,
        pooling=_pooling(modules, files, whole),
        head=modules.head,
        similarity=modules.similarity,
    )


def _pooling(modules: Modules, files: Source, whole: Network) -> Pooling:
    if not modules.predicts:
        return modules.pooling or files.pooling()
    if whole.output is None:
        raise UsageError(f"The model in {files.place} has no output of tokens that jaxemb reads.")
    return dataclasses.replace(modules.pooling, output=whole.output)
