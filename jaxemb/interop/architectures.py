"""Which of our parts a network of Hugging Face is, and what its arrays are called there."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxemb.config import UsageError
from jaxemb.encoders import PostNormTransformer
from jaxemb.nn import GELU, Activation, ExactGELU, Learned, ReLU, SiLU, Tanh, WithSegment

Config = Mapping[str, Any]

ACTIVATIONS: dict[str, Activation] = {
    "gelu": ExactGELU(), "gelu_new": GELU(), "gelu_pytorch_tanh": GELU(), "relu": ReLU(),
    "silu": SiLU(), "swish": SiLU(), "tanh": Tanh(),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A kind of network: our encoder for a config, and where each of its arrays stands.

    `modules` maps a module's path in our parameters to its name there, `{n}` being a layer's
    number. `prefixes` may stand before all names; `unused` begin the names of arrays that serve
    other purposes than embedding. `first` is the row of the position table that the first token
    gets.
    """

    encoder: Callable[[Config, Callable], PostNormTransformer]
    modules: Mapping[str, str]
    prefixes: tuple[str, ...]
    first: Callable[[Config], int] = lambda config: 0
    unused: tuple[str, ...] = (
        "pooler.",
        "cls.",
        "lm_head.",
        "classifier.",
        "qa_outputs.",
        "vocab_",
    )


def _bert(config: Config, get: Callable) -> PostNormTransformer:
    return PostNormTransformer(
        layers=get("num_hidden_layers"),
        width=get("hidden_size"),
        heads=get("num_attention_heads"),
        hidden=get("intermediate_size"),
        position=WithSegment(
            inner=Learned(max_tokens=get("max_position_embeddings")),
            segments=config.get("type_vocab_size", 2),
        ),
        activation=activation(config.get("hidden_act", "gelu")),
        dropout=float(config.get("hidden_dropout_prob", 0.1)),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
    )


def _roberta(config: Config, get: Callable) -> PostNormTransformer:
    encoder = _bert(config, get)
    # Positions are counted from after the padding's id; the rows before are never read.
    rows = get("max_position_embeddings") - _after_padding(config)
    position = dataclasses.replace(encoder.position, inner=Learned(max_tokens=rows))
    return dataclasses.replace(encoder, position=position)


def _after_padding(config: Config) -> int:
    return config.get("pad_token_id", 1) + 1


def _distilbert(config: Config, get: Callable) -> PostNormTransformer:
    return PostNormTransformer(
        layers=get("n_layers"),
        width=get("dim"),
        heads=get("n_heads"),
        hidden=get("hidden_dim"),
        position=Learned(max_tokens=get("max_position_embeddings")),
        activation=activation(config.get("activation", "gelu")),
        dropout=float(config.get("dropout", 0.1)),
        epsilon=1e-12,
    )


_BLOCK = "encoder.layer.{n}"
_BERT = {
    "tokens": "embeddings.word_embeddings",
    "encoder/position": "embeddings.token_type_embeddings",
    "encoder/position/inner": "embeddings.position_embeddings",
    "encoder/embedding_norm": "embeddings.LayerNorm",
    "encoder/block/attention/query": f"{_BLOCK}.attention.self.query",
    "encoder/block/attention/key": f"{_BLOCK}.attention.self.key",
    "encoder/block/attention/value": f"{_BLOCK}.attention.self.value",
    "encoder/block/attention/output": f"{_BLOCK}.attention.output.dense",
    "encoder/block/attention_norm": f"{_BLOCK}.attention.output.LayerNorm",
    "encoder/block/feed_forward/expand": f"{_BLOCK}.intermediate.dense",
    "encoder/block/feed_forward/output": f"{_BLOCK}.output.dense",
    "encoder/block/feed_forward_norm": f"{_BLOCK}.output.LayerNorm",
}
_DISTIL = "transformer.layer.{n}"
_DISTILBERT = {
    "tokens": "embeddings.word_embeddings",
    "encoder/position": "embeddings.position_embeddings",
    "encoder/embedding_norm": "embeddings.LayerNorm",
    "encoder/block/attention/query": f"{_DISTIL}.attention.q_lin",
    "encoder/block/attention/key": f"{_DISTIL}.attention.k_lin",
    "encoder/block/attention/value": f"{_DISTIL}.attention.v_lin",
    "encoder/block/attention/output": f"{_DISTIL}.attention.out_lin",
    "encoder/block/attention_norm": f"{_DISTIL}.sa_layer_norm",
    "encoder/block/feed_forward/expand": f"{_DISTIL}.ffn.lin1",
    "encoder/block/feed_forward/output": f"{_DISTIL}.ffn.lin2",
    "encoder/block/feed_forward_norm": f"{_DISTIL}.output_layer_norm",
}

_ROBERTA = Architecture(_roberta, _BERT, ("roberta.", "model."), _after_padding)
ARCHITECTURES: dict[str, Architecture] = {
    "bert": Architecture(_bert, _BERT, ("bert.",)),
    "distilbert": Architecture(_distilbert, _DISTILBERT, ("distilbert.",)),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}


def activation(name: str) -> Activation:
    """The part that a config's name of an activation stands for.

    Raises:
        UsageError: there is none.
    """
    if name not in ACTIVATIONS:
        raise UsageError(
            f"the activation {name!r} has no part here; there are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


def architecture(config: Config, folder: Path) -> Architecture:
    """The architecture of a config.

    Raises:
        UsageError: a decoder, a network that needs code of its own, or one that is not known here.
    """
    kind = config.get("model_type")
    known = ", ".join(ARCHITECTURES)
    if config.get("auto_map"):
        raise UsageError(
            f"The model in {folder} comes with code of its own (auto_map in config.json), and "
            f"jaxemb runs no code of a model's folder; it builds {known} networks itself."
        )
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise UsageError(f"The model in {folder} is a decoder; jaxemb reads encoders: {known}.")
    if kind not in ARCHITECTURES:
        raise UsageError(
            f"The model in {folder} is of type {kind!r}; jaxemb reads these encoders: {known}."
        )
    place = config.get("position_embedding_type") or "absolute"
    if place != "absolute":
        raise UsageError(
            f"The model in {folder} has {place!r} positions; for {kind}, jaxemb reads absolute ones."
        )
    return ARCHITECTURES[kind]


def encoder(config: Config, folder: Path) -> PostNormTransformer:
    """Our encoder for a config.

    Raises:
        UsageError: a field that is needed is absent, or says what no part here does.
    """

    def get(name: str) -> Any:
        if config.get(name) is None:
            raise UsageError(f"{folder / 'config.json'} does not say {name}.")
        return config[name]

    try:
        return architecture(config, folder).encoder(config, get)
    except UsageError as error:
        if str(folder) in str(error):
            raise
        raise UsageError(f"The model in {folder}: {error}.") from None
