"""Lines of text in, vectors out: a `.npy` array, or one JSON object per line."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb.config import UsageError
from jaxemb.config.files import given_path, whole_file, writing_to
from jaxemb.data.tables import any_text, decoded
from jaxemb.interop import load

FORMATS = (".npy", ".jsonl")


def encode_lines(model: str | os.PathLike, source: str, out: str | None, **settings: Any) -> None:
    """Embed every line of a file (`-`: of standard input) and write the vectors in their order.

    Args:
        model: a run's folder, or a saved model's.
        source: a text file; an empty line is embedded as an empty text.
        out: `FILE.npy` (`[lines, dim]` float32) or `FILE.jsonl` (`{"text", "vector"}` per line); None
            prints JSON lines.
        settings: as `Model.encode` takes them.

    Raises:
        UsageError: no such model or file, or one that is empty, binary or not UTF-8; an output that
            has another ending or cannot be written; a model whose vectors are not finite.
    """
    if out is not None and Path(out).suffix not in FORMATS:
        raise UsageError(f"--out {out} must end in {' or '.join(FORMATS)}.")
    texts = _lines(source)
    vectors = load(model).encode(texts, **settings)
    _check_finite(vectors)
    if out is None:
        sys.stdout.writelines(_json_lines(texts, vectors))
        return
    with writing_to(out):
        _write(given_path(out), texts, vectors)


def _lines(source: str) -> list[str]:
    """Lines by newline alone: text may hold form feeds and the like, which end no line."""
    text = _standard_input() if source == "-" else any_text(source)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _standard_input() -> str:
    data = sys.stdin.buffer.read() if sys.stdin else b""
    if not data:
        raise UsageError("Standard input is empty; give a file, or pipe lines of text in.")
    return decoded(data, "Standard input")


def _check_finite(vectors: Float32[np.ndarray, "lines dim"]) -> None:
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise UsageError(
            f"The vector of line {wrong[0] + 1} is not finite: the model's weights are damaged, or its "
            "training diverged."
        )


def _write(path: Path, texts: Sequence[str], vectors: Float32[np.ndarray, "lines dim"]) -> None:
    with whole_file(path) as staging:
        if path.suffix == ".npy":
            np.save(staging, vectors)
            return
        with staging.open("w", encoding="utf-8") as file:
            file.writelines(_json_lines(texts, vectors))


def _json_lines(texts: Sequence[str], vectors: Float32[np.ndarray, "lines dim"]) -> Iterator[str]:
    for text, vector in zip(texts, vectors, strict=True):
        # The shortest digits that give the same float32 back.
        numbers = [float(str(number)) for number in vector]
        yield json.dumps({"text": text, "vector": numbers}, ensure_ascii=False) + "\n"
