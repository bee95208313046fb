"""Folders of random networks, written without torch, and a plain reference. Not a test itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np

PIECES = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sort", "a", "list", "of", "open", "the", "file",
    "join", "string", "number", "東", "é", "!", ".", "##s", "##ing", "##er",
]  # fmt: skip
CONFIG = {
    "model_type": "bert", "vocab_size": len(PIECES) + 3, "hidden_size": 12, "num_hidden_layers": 3,
    "num_attention_heads": 3, "intermediate_size": 20, "hidden_act": "gelu",
    "max_position_embeddings": 11, "type_vocab_size": 2, "layer_norm_eps": 1e-7, "pad_token_id": 0,
}  # fmt: skip


def tensors(config: dict, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays under BERT's names, at sizes at which every one of them counts."""
    rng = np.random.default_rng(seed)
    width, hidden = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], width),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], width),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], width),
        "pooler.dense.weight": (width, width),
    }
    norms, maps = ["embeddings.LayerNorm"], {}
    for n in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{n}"
        maps |= {
            f"{at}.attention.self.{part}": (width, width) for part in ("query", "key", "value")
        }
        maps[f"{at}.attention.output.dense"] = (width, width)
        maps[f"{at}.intermediate.dense"] = (hidden, width)
        maps[f"{at}.output.dense"] = (width, hidden)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    shapes |= {f"{name}.weight": shape for name, shape in maps.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in maps.items()}
    shapes |= {f"{name}.{leaf}": (width,) for name in norms for leaf in ("weight", "bias")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write(folder: Path, config: dict, arrays: dict | None = None, **files: Any) -> Path:
    """A Hugging Face folder; `files` are further JSON files by name, `__` standing for `/`."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors(config) if arrays is None else arrays, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    for name, content in files.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def reference(config: dict, arrays: dict, ids: np.ndarray) -> np.ndarray:
    """States of every layer of one text without padding, `[layers, tokens, width]`, in float64."""
    get = {name: array.astype(np.float64) for name, array in arrays.items()}

    def linear(x, name):
        return x @ get[f"{name}.weight"].T + get[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return centred / scale * get[f"{name}.weight"] + get[f"{name}.bias"]

    x = get["embeddings.word_embeddings.weight"][ids]
    x = x + get["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + get["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    states = []
    for n in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{n}"
        parts = [linear(x, f"{at}.attention.self.{p}") for p in ("query", "key", "value")]
        y = linear(attend(*parts, config["num_attention_heads"]), f"{at}.attention.output.dense")
        x = norm(x + y, f"{at}.attention.output.LayerNorm")
        y = linear(gelu(linear(x, f"{at}.intermediate.dense")), f"{at}.output.dense")
        x = norm(x + y, f"{at}.output.LayerNorm")
        states.append(x)
    return np.stack(states)


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """A head at a time."""
    out = []
    for q, k, v in zip(*(np.split(x, heads, axis=-1) for x in (query, key, value)), strict=True):
        scores = np.exp(q @ k.T / np.sqrt(q.shape[-1]))
        out.append(scores / scores.sum(-1, keepdims=True) @ v)
    return np.concatenate(out, axis=-1)


def gelu(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return x / 2 * (1 + erf(x / np.sqrt(2)))
