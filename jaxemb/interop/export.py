"""A model of ours as a sentence-transformers folder, where its parts have a counterpart there."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, expression
from jaxemb.config.files import given_path, whole_folder, write_whole, writing_to
from jaxemb.heads import Activated, Chain, Head, Identity, Linear, Normalize, Normed
from jaxemb.interop.card import card
from jaxemb.interop.files import WEIGHTS
from jaxemb.interop.modules import POOLINGS, SIMILARITIES
from jaxemb.interop.outgoing import arrays_of, settings_of
from jaxemb.interop.written import activation_name
from jaxemb.losses import SparseDot
from jaxemb.model import Model
from jaxemb.pooling import Concatenation, Pooling, WithoutPrompt

_TORCH = {"gelu": "GELU", "relu": "ReLU", "silu": "SiLU", "tanh": "Tanh"}
_EAGER = {"attn_implementation": "eager"}
_PLACE = "sentence_transformers.models."


def export(model: Model, folder: str | os.PathLike) -> Path:
    """Write a folder that sentence-transformers reads, and `jaxemb.load` too.

    The network must be one that transformers has, of a kind that `jaxemb.load` reads, whatever it
    was made from; a RoBERTa is written as the BERT that it is. Low-rank additions are in the kernels
    after training, so such a model can be written; one with adapters inside cannot.

    The folder has the older form of their files, which all their versions read, and a model card.

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
    if model.params.get("adapters"):
        raise UsageError(
            "A model with adapters inside cannot be written as a folder of others: they read what "
            "its layers give, and cannot be merged. Save it with Model.save."
        )
    config, target = settings_of(model.embedder)
    settings = _settings(model)
    _check_pieces(model, config, settings["tokenizer_config"]["pad_token"])
    heads = list(_heads(model.embedder.head, model.params["head"]))
    width = model.embedder.encoder.width
    pooling = {"word_embedding_dimension": width} | _pooling(model.embedder.pooling)
    with writing_to(folder), whole_folder(folder) as staging:
        _write(staging, arrays_of(model.params, target), {"config": config, **settings})
        write_whole(staging / "tokenizer.json", model.tokenizer.to_json())
        write_whole(staging / "README.md", card(model, config["architectures"][0]))
        listed = [("", "Transformer"), ("1_Pooling", "Pooling")]
        _write(staging / "1_Pooling", {}, {"config": pooling})
        for number, (kind, arrays, said) in enumerate(heads, start=2):
            listed.append((f"{number}_{kind}", kind))
            _write(staging / f"{number}_{kind}", arrays, {"config": said} if said else {})
        modules = [
            {"idx": n, "name": str(n), "path": path, "type": _PLACE + kind}
            for n, (path, kind) in enumerate(listed)
        ]
        _write(staging, {}, {"modules": modules})
    return folder


def _check_pieces(model: Model, config: dict[str, Any], pad: str) -> None:
    """Refuses pieces that transformers would cut, or count, otherwise."""
    kind, pieces = config["model_type"], model.tokenizer.pieces()
    if kind == "qwen2" and json.loads(model.tokenizer.to_json())["model"]["type"] != "BPE":
        raise UsageError(
            "transformers cuts the texts of a Qwen 2 into byte-level pairs, whatever the folder's "
            "tokenizer is: one with other pieces cannot be written."
        )
    if kind == "mpnet" and pieces.index(pad) != 1:
        raise UsageError(
            "transformers takes the id 1 of an MPNet for padding when it counts positions, and this "
            f"tokenizer's piece of that id is {pieces[1]!r}, its padding {pad!r}: it cannot be written."
        )


def _settings(model: Model) -> dict[str, Any]:
    """Length, prompts, and which pieces are special."""
    text, pieces = model.embedder.text, set(model.tokenizer.pieces())
    if len(text.template.ways) > 1 or text.template.suffix("document"):
        raise UsageError("sentence-transformers knows prefixes alone; this template says more.")
    named = {"pad": ("[PAD]", "<pad>"), "unk": ("[UNK]", "<unk>"), "cls": ("[CLS]", "<s>"),
             "sep": ("[SEP]", "</s>"), "mask": ("[MASK]", "<mask>")}  # fmt: skip
    special = {f"{k}_token": p for k, names in named.items() for p in names if p in pieces}
    # Something must stand where texts are filled up, and nothing reads it.
    special.setdefault("pad_token", model.tokenizer.pieces()[0])
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": text.max_tokens}
    attention = getattr(getattr(model.embedder.encoder, "block", None), "attention", None)
    # Their default way of attending leaves the bending of scores out.
    eager = {} if getattr(attention, "soft_cap", None) is None else {"model_args": _EAGER}
    lengths = {"max_seq_length": text.max_tokens, "do_lower_case": False}
    return {
        "tokenizer_config": about | special,
        "sentence_bert_config": lengths | eager,
        "config_sentence_transformers": {
            "prompts": text.template.prompts,
            "default_prompt_name": None,
            **_similarity(model),
        },
    }


def _similarity(model: Model) -> dict[str, str]:
    similarity = model.embedder.similarity
    names = {part: name for name, part in SIMILARITIES.items()} | {SparseDot: "dot"}
    if type(similarity) not in names:
        raise UsageError(
            f"The similarity {expression(similarity)} has no counterpart in sentence-transformers, "
            f"which would compare by the cosine; these are written: {', '.join(SIMILARITIES)}."
        )
    return {"similarity_fn_name": names[type(similarity)]}


def _pooling(pooling: Pooling) -> dict[str, Any]:
    if isinstance(pooling, WithoutPrompt):
        modes = _pooling(pooling.inner)["pooling_mode"]
        if "weightedmean" not in modes:
            return {"pooling_mode": modes, "include_prompt": False}
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
        name = activation_name(following.activation)
        if name not in _TORCH:
            raise UsageError(f"The activation {expression(following.activation)} has no module.")
        function = f"torch.nn.modules.activation.{_TORCH[name]}"
    width, dim = params["kernel"].shape
    arrays = {"linear.weight": params["kernel"].T, "linear.bias": params["bias"]}
    sizes = {"in_features": width, "out_features": dim, "bias": True}
    return arrays, sizes | {"activation_function": function}


def _write(folder: Path, arrays: dict[str, Any], files: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_whole(folder / f"{name}.json", json.dumps(content, indent=1))
    if arrays:
        plain = {n: np.ascontiguousarray(x, np.float32) for n, x in arrays.items()}
        save_file(plain, folder / WEIGHTS, metadata={"format": "pt"})
