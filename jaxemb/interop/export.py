"""A model of ours as a sentence-transformers folder, where its parts have a counterpart there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxemb.config import UsageError, expression
from jaxemb.config.files import given_path, write_whole, writing_to
from jaxemb.encoders import Encoder, PostNormTransformer, Transformer
from jaxemb.heads import Activated, Chain, Head, Identity, Linear, Normalize, Normed
from jaxemb.interop.architectures import ACTIVATIONS, Config
from jaxemb.interop.bidirectional import bert
from jaxemb.interop.files import WEIGHTS
from jaxemb.interop.modules import POOLINGS
from jaxemb.interop.weights import paths, stored_names
from jaxemb.model import Model
from jaxemb.nn import Activation, LayerNorm, Learned, PostNorm, WithSegment
from jaxemb.pooling import Concatenation, Pooling
from jaxemb.tokens import TokenEmbedding, TokenTable

_TORCH = {"gelu": "GELU", "relu": "ReLU", "silu": "SiLU", "tanh": "Tanh"}
_PLACE = "sentence_transformers.models."


def export(model: Model, folder: str | os.PathLike) -> Path:
    """Write a folder that sentence-transformers reads, and `jaxemb.load` too.

    The network must be a BERT: a `PostNormTransformer` that reads both ways, over a `TokenTable`,
    with `WithSegment(inner=Learned())` positions. What was read by `load` is, unless it is a
    DistilBERT.

    Example:
        >>> export(jaxemb.load("all-MiniLM-L6-v2"), "minilm")  # doctest: +SKIP
        PosixPath('minilm')

    Raises:
        UsageError: a part has no counterpart there, or the folder exists.
    """
    folder = given_path(folder)
    if folder.exists():
        raise UsageError(f"{folder} exists already; give another folder.")
    if model.transforms or model.tokenizer is None:
        lacking = "transforms of its vectors" if model.transforms else "no tokenizer"
        raise UsageError(f"A model with {lacking} cannot be written as a folder of others.")
    config = _config(model)
    heads = list(_heads(model.embedder.head, model.params["head"]))
    pooling = {"word_embedding_dimension": config["hidden_size"]} | _pooling(model.embedder.pooling)
    _write(folder, _arrays(model), {"config": config, **_settings(model)})
    write_whole(folder / "tokenizer.json", model.tokenizer.to_json())
    listed = [("", "Transformer"), ("1_Pooling", "Pooling")]
    _write(folder / "1_Pooling", {}, {"config": pooling})
    for number, (kind, arrays, settings) in enumerate(heads, start=2):
        listed.append((f"{number}_{kind}", kind))
        _write(folder / f"{number}_{kind}", arrays, {"config": settings} if settings else {})
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": _PLACE + kind}
        for n, (path, kind) in enumerate(listed)
    ]
    _write(folder, {}, {"modules": modules})
    return folder


def _config(model: Model) -> dict[str, Any]:
    """The network as `config.json` describes it."""
    encoder, tokens = model.embedder.encoder, model.embedder.tokens
    position = getattr(encoder, "position", None)
    if not _is_bert(encoder, tokens):
        raise UsageError(
            f"A network of {expression(tokens)} and {expression(encoder)} has no counterpart in "
            "sentence-transformers; only a BERT of PostNormTransformer is written."
        )
    return {
        "architectures": ["BertModel"], "model_type": "bert",
        "vocab_size": model.embedder.text.vocabulary, "hidden_size": encoder.width,
        "num_hidden_layers": encoder.layers, "num_attention_heads": encoder.heads,
        "intermediate_size": encoder.hidden or 4 * encoder.width,
        "hidden_act": _activation(encoder.activation), "hidden_dropout_prob": encoder.dropout,
        "attention_probs_dropout_prob": encoder.dropout,
        "layer_norm_eps": encoder.embedding_norm.epsilon,
        "max_position_embeddings": position.inner.max_tokens, "type_vocab_size": position.segments,
        "pad_token_id": 0,
    }  # fmt: skip


def _is_bert(encoder: Encoder, tokens: TokenEmbedding) -> bool:
    """Whether a network has all that a BERT has, and nothing else."""
    position = getattr(encoder, "position", None)
    if not isinstance(encoder, Transformer) or not isinstance(position, WithSegment):
        return False
    norm = encoder.embedding_norm
    plain = PostNormTransformer(embedding_norm=norm, block=PostNorm(branch_norm=norm))
    same = ("mask", "block", "norm", "embedding_norm", "embedding_scale", "pattern")
    return (
        type(encoder) in (Transformer, PostNormTransformer)
        and isinstance(tokens, TokenTable)
        and isinstance(position.inner, Learned)
        and isinstance(norm, LayerNorm)
        and all(getattr(encoder, name) == getattr(plain, name) for name in same)
    )


def _activation(part: Activation) -> str:
    found = [name for name, known in ACTIVATIONS.items() if known == part]
    if not found:
        raise UsageError(f"The activation {expression(part)} has no name in transformers.")
    return found[0]


def _arrays(model: Model) -> dict[str, np.ndarray]:
    network = {slot: model.params[slot] for slot in ("tokens", "encoder")}
    places = bert(Config(_config(model), Path("config.json"))).places
    return {
        stored_names(path, places)[0]: _transposed(path, array)
        for path, array in zip(paths(network), jax.tree.leaves(network), strict=True)
    }


def _transposed(path: str, array: jax.Array) -> np.ndarray:
    array = np.asarray(array, np.float32)
    return np.ascontiguousarray(array.T if path.endswith("kernel") else array)


def _settings(model: Model) -> dict[str, Any]:
    """Length, prompts, and which pieces are special."""
    text, pieces = model.embedder.text, set(model.tokenizer.pieces())
    if len(text.template.ways) > 1 or text.template.suffix("document"):
        raise UsageError("sentence-transformers knows prefixes alone; this template says more.")
    named = {"pad": ("[PAD]", "<pad>"), "unk": ("[UNK]", "<unk>"), "cls": ("[CLS]", "<s>"),
             "sep": ("[SEP]", "</s>"), "mask": ("[MASK]", "<mask>")}  # fmt: skip
    special = {f"{k}_token": p for k, names in named.items() for p in names if p in pieces}
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": text.max_tokens}
    return {
        "tokenizer_config": about | special,
        "sentence_bert_config": {"max_seq_length": text.max_tokens, "do_lower_case": False},
        "config_sentence_transformers": {
            "prompts": text.template.prompts,
            "default_prompt_name": None,
        },
    }


def _pooling(pooling: Pooling) -> dict[str, Any]:
    parts = pooling.poolings if isinstance(pooling, Concatenation) else (pooling,)
    names = {part: name for name, part in POOLINGS.items()}
    unknown = [part for part in parts if type(part) not in names]
    if unknown:
        raise UsageError(
            f"The pooling {expression(unknown[0])} has no counterpart in sentence-transformers."
        )
    modes = [names[type(part)] for part in parts]
    return {"pooling_mode": modes if len(modes) > 1 else modes[0]}


def _heads(head: Head, params: dict) -> Iterator[tuple[str, dict, dict]]:
    """Modules of the head: kind, arrays and settings of each; a function joins its `Linear`."""
    heads = head.heads if isinstance(head, Chain) else (head,)
    values = [params.get(f"heads_{n}", {}) for n in range(len(heads))]
    values = values if isinstance(head, Chain) else [params]
    for number, (part, own) in enumerate(zip(heads, values, strict=True)):
        following = heads[number + 1] if number + 1 < len(heads) else None
        if isinstance(part, Linear):
            yield "Dense", *_dense(own, following)
        elif isinstance(part, Normalize):
            yield "Normalize", {}, {}
        elif isinstance(part, Normed) and expression(part.norm) == "layer_norm(epsilon=1e-05)":
            names = {"norm.weight": own["norm"]["scale"], "norm.bias": own["norm"]["bias"]}
            yield "LayerNorm", names, {"dimension": len(own["norm"]["scale"])}
        elif isinstance(part, Activated) and number and isinstance(heads[number - 1], Linear):
            continue
        elif not isinstance(part, Identity):
            raise UsageError(
                f"The head {expression(part)} has no counterpart in sentence-transformers."
            )


def _dense(params: dict, following: Head | None) -> tuple[dict, dict]:
    function = "torch.nn.modules.linear.Identity"
    if isinstance(following, Activated):
        name = _activation(following.activation)
        if name not in _TORCH:
            raise UsageError(f"The activation {expression(following.activation)} has no module.")
        function = f"torch.nn.modules.activation.{_TORCH[name]}"
    width, dim = params["kernel"].shape
    arrays = {"linear.weight": params["kernel"].T, "linear.bias": params["bias"]}
    sizes = {"in_features": width, "out_features": dim, "bias": True}
    return arrays, sizes | {"activation_function": function}


def _write(folder: Path, arrays: dict[str, Any], files: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_whole(folder / f"{name}.json", json.dumps(content, indent=1))
        if arrays:
            plain = {n: np.ascontiguousarray(x, np.float32) for n, x in arrays.items()}
            save_file(plain, folder / WEIGHTS, metadata={"format": "pt"})
