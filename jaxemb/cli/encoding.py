"""Lines of text in, vectors out: a `.npy` array, or one JSON object per line."""

import io
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb.config import UsageError
from jaxemb.config.files import given_path, whole_file, writing_to
from jaxemb.data.tables import any_text, decoded, is_packed, reading
from jaxemb.interop import load
from jaxemb.vectors.corpus import write_array

Rows = tuple[list[str], Float32[np.ndarray, "lines dim"]]


def encode_lines(model: str | os.PathLike, source: str, out: str | None, **settings: Any) -> None:
    """Embed every line of a file (`-`: of standard input) and write the vectors in their order.

    Lines are read, embedded and written a few thousand at a time, whatever the file's size.

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
    # The first line is asked for before the model is read: a missing file is told at once.
    first, lines = itertools.tee(_lines(source))
    next(first)
    del first
    loaded = load(model)
    if out is None:
        sys.stdout.writelines(_json_lines(_embedded(loaded, lines, settings)))
        return
    with writing_to(out), whole_file(given_path(out)) as staging:
        _WRITERS[Path(out).suffix](staging, _embedded(loaded, lines, settings))


def _embedded(model: Any, lines: Iterator[str], settings: dict[str, Any]) -> Iterator[Rows]:
    """Consecutive lines and their vectors; only those of a few thousand lines are in memory."""
    ahead, behind = itertools.tee(lines)
    done = 0
    for vectors in model.encode_batches(ahead, **settings):
        _check_finite(vectors, done)
        done += len(vectors)
        yield list(itertools.islice(behind, len(vectors))), vectors


def _lines(source: str) -> Iterator[str]:
    """Lines by newline alone: text may hold form feeds and the like, which end no line.

    They are read one by one, except those of a file that is packed.
    """
    if source == "-":
        yield from _texts(sys.stdin.buffer if sys.stdin else (), "Standard input")
        return
    if is_packed(source):
        yield from _texts(io.BytesIO(any_text(source).encode()), source)
        return
    with reading(source) as file:
        yield from _texts(file, source)


def _texts(lines: Iterable[bytes], name: str) -> Iterator[str]:
    number = 0
    for number, line in enumerate(lines, 1):
        yield decoded(line, name, number).removesuffix("\n").removesuffix("\r")
    if number == 0 and name == "Standard input":
        raise UsageError("Standard input is empty; give a file, or pipe lines of text in.")
    if number == 0:
        raise UsageError(f"{name} is empty")


def _check_finite(vectors: Float32[np.ndarray, "lines dim"], before: int) -> None:
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong):
        raise UsageError(
            f"The vector of line {before + wrong[0] + 1} is not finite: the model's weights are "
            "damaged, or its training diverged."
        )


def _write_array(path: Path, rows: Iterable[Rows]) -> None:
    write_array(path, (vectors for _, vectors in rows))


def _write_lines(path: Path, rows: Iterable[Rows]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_json_lines(rows))


_WRITERS = {".npy": _write_array, ".jsonl": _write_lines}
FORMATS = tuple(_WRITERS)


def _json_lines(rows: Iterable[Rows]) -> Iterator[str]:
    for texts, vectors in rows:
        for text, vector in zip(texts, vectors, strict=True):
            # The shortest digits that give the same float32 back.
            numbers = [float(str(number)) for number in vector]
            yield json.dumps({"text": text, "vector": numbers}, ensure_ascii=False) + "\n"
