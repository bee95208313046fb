"""Which network of others ours is: its settings, and where its arrays go."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError, expression
from jaxemb.encoders import Encoder, PostNormTransformer, Transformer
from jaxemb.interop.architectures import ACTIVATIONS, Network
from jaxemb.interop.network import network
from jaxemb.interop.weights import paths, place_of, stored_names
from jaxemb.model import Embedder
from jaxemb.nn import ALL, Activation, GatedMLP

Settings = dict[str, Any]

_CLASSES = {
    "bert": "BertModel", "distilbert": "DistilBertModel", "nomic_bert": "NomicBertModel",
    "llama": "LlamaModel", "mistral": "MistralModel", "qwen2": "Qwen2Model", "qwen3": "Qwen3Model",
}  # fmt: skip
# Fields of an encoder that its settings need not give back: without them the numbers are the same.
_FREE = ("dropout", "parent", "name")


def settings_of(embedder: Embedder) -> tuple[Settings, Network]:
    """`config.json` of the network, and that network as it will be read again.

    Every kind of network is tried: what its settings would be is read back as a folder's are, and the
    kind is right if the parts are the same.

    Raises:
        UsageError: no kind of network that is written here is the same.
    """
    for kind, write in _WRITERS.items():
        # A part that the kind needs and this network has not: another kind.
        with contextlib.suppress(AttributeError):
            settings = {"model_type": kind, "architectures": [_CLASSES[kind]], **write(embedder)}
            found = network(settings, Path("config.json"))
            if _fields(found.encoder) == _fields(embedder.encoder) and (
                found.tokens == embedder.tokens
            ):
                return settings, found
    raise UsageError(
        f"A network of {expression(embedder.tokens)} and {expression(embedder.encoder)} has no "
        f"counterpart in sentence-transformers; these are written: {', '.join(_WRITERS)}."
    )


def _fields(encoder: Encoder) -> dict[str, Any] | None:
    if type(encoder) not in (Transformer, PostNormTransformer):
        return None
    names = [field.name for field in dataclasses.fields(Transformer) if field.name not in _FREE]
    return {name: getattr(encoder, name) for name in names} | {"hidden": hidden(encoder)}


def hidden(encoder: Transformer) -> int:
    """Features inside the feed-forward networks."""
    return encoder.hidden or 4 * encoder.width


def activation_name(part: Activation) -> str:
    """What others call an activation.

    Raises:
        UsageError: they have no name for it.
    """
    found = [name for name, known in ACTIVATIONS.items() if known == part]
    if not found:
        raise UsageError(f"The activation {expression(part)} has no name in transformers.")
    return found[0]


def arrays_of(params: dict[str, Any], target: Network) -> dict[str, np.ndarray]:
    """The arrays of slots `tokens` and `encoder` by the names that they have there."""
    mine = {slot: params[slot] for slot in ("tokens", "encoder")}
    pairs = zip(paths(mine), jax.tree.leaves(mine), strict=True)
    return dict(item for path, array in pairs for item in _named(path, array, target))


def _named(path: str, array: Any, target: Network) -> Iterator[tuple[str, np.ndarray]]:
    theirs = np.asarray(array, np.float32)
    theirs = theirs.T if path.endswith("kernel") else theirs
    names = stored_names(path, target.places)
    parts = place_of(path, target.places).parts(theirs)
    yield from zip(names, map(np.ascontiguousarray, parts), strict=True)


# --- the kinds


def _sizes(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return {
        "vocab_size": embedder.text.vocabulary, "hidden_size": encoder.width,
        "num_hidden_layers": encoder.layers, "num_attention_heads": encoder.heads,
        "intermediate_size": hidden(encoder), "hidden_act": activation_name(encoder.activation),
        "pad_token_id": 0,
    }  # fmt: skip


def _bert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return _sizes(embedder) | {
        "hidden_dropout_prob": encoder.dropout, "attention_probs_dropout_prob": encoder.dropout,
        "layer_norm_eps": encoder.embedding_norm.epsilon,
        "max_position_embeddings": encoder.position.inner.max_tokens,
        "type_vocab_size": encoder.position.segments,
    }  # fmt: skip


def _distilbert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return {
        "vocab_size": embedder.text.vocabulary, "dim": encoder.width, "n_layers": encoder.layers,
        "n_heads": encoder.heads, "hidden_dim": hidden(encoder), "pad_token_id": 0,
        "activation": activation_name(encoder.activation), "dropout": encoder.dropout,
        "attention_dropout": encoder.dropout, "sinusoidal_pos_embds": False,
        "max_position_embeddings": encoder.position.max_tokens,
    }  # fmt: skip


def _nomic_bert(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    return _sizes(embedder) | _rotary(encoder.position.inner.base) | {
        "layer_norm_eps": encoder.embedding_norm.epsilon, "hidden_dropout_prob": encoder.dropout,
        "max_position_embeddings": embedder.text.max_tokens,
        "type_vocab_size": encoder.position.segments,
    }  # fmt: skip


def _rotary(base: float) -> Settings:
    """In the form of today, and in the older one."""
    return {
        "rope_theta": base,
        "rope_parameters": {"rope_type": "default", "rope_theta": base},
    }


def _llama(embedder: Embedder) -> Settings:
    encoder = embedder.encoder
    attention, gated = encoder.block.attention, encoder.block.feed_forward
    if not isinstance(gated, GatedMLP):
        raise AttributeError("a plain feed-forward network")
    return _sizes(embedder) | _rotary(encoder.position.base) | {
        "num_key_value_heads": attention.key_value_heads or encoder.heads,
        "head_dim": attention.head_dim or encoder.width // encoder.heads,
        "rms_norm_eps": encoder.norm.epsilon, "attention_bias": attention.biases == ALL,
        "mlp_bias": bool(gated.biases), "attention_dropout": encoder.dropout,
        "max_position_embeddings": embedder.text.max_tokens, "tie_word_embeddings": True,
        "sliding_window": None, "use_sliding_window": False,
    }  # fmt: skip


def _mistral(embedder: Embedder) -> Settings:
    reach = embedder.encoder.mask.reach
    return _llama(embedder) | {"sliding_window": reach + 1, "use_sliding_window": True}


_WRITERS: dict[str, Callable[[Embedder], Settings]] = {
    "bert": _bert, "distilbert": _distilbert, "nomic_bert": _nomic_bert, "llama": _llama,
    "qwen2": _llama, "qwen3": _llama, "mistral": _mistral,
}  # fmt: skip
