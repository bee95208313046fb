"""Vectors of a corpus in one file: written as they come, mapped when they are searched."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Float32

from jaxemb.config import UsageError
from jaxemb.config.files import given_path, whole_file, writing_to


def store_vectors(
    path: str | os.PathLike, pieces: Iterable[Float[np.ndarray, "_ width"]]
) -> Float32[np.ndarray, "documents width"]:
    """Writes vectors to a `.npy` file piece by piece, and maps it: no more than a piece is in memory.

    The file is there when all is written, or not at all.

    Raises:
        UsageError: pieces differ in width, there is no vector, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "corpus.npy"
        >>> vectors = store_vectors(path, (np.full((2, 3), n, np.float32) for n in range(4)))
        >>> vectors.shape, vectors[7].tolist()
        ((8, 3), [3.0, 3.0, 3.0])
    """
    place = given_path(path)
    with writing_to(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(place) as staging:
            write_array(staging, pieces)
    return map_vectors(place)


def map_vectors(path: str | os.PathLike) -> Float32[np.ndarray, "documents width"]:
    """The vectors of a `.npy` file, such as `jaxemb encode` writes, read from disk when used.

    Raises:
        UsageError: no such file, or it holds something else.
    """
    place = given_path(path)
    try:
        found = np.load(place, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UsageError(f"There are no vectors at {place}.") from None
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{place} is no .npy file that can be read: {error}") from None
    if getattr(found, "ndim", 0) != 2 or found.dtype.kind != "f":
        about = (
            f"{found.dtype} {list(found.shape)}" if hasattr(found, "dtype") else "several arrays"
        )
        raise UsageError(f"{place} holds {about}, and not vectors [documents, width] of numbers.")
    return found


def write_array(path: Path, pieces: Iterable[Float[np.ndarray, "_ width"]]) -> None:
    """A `.npy` file that grows: its header has room for the number of rows, known at the end."""
    count = width = 0
    with path.open("wb") as file:
        for vectors in pieces:
            if count == 0:
                width = vectors.shape[1]
                _write_header(file, (0, width))
            if vectors.shape[1] != width:
                raise UsageError(f"Vectors are {width} wide, and then {vectors.shape[1]}.")
            file.write(np.ascontiguousarray(vectors, np.float32).data)
            count += len(vectors)
        if width == 0:
            raise UsageError("There is no vector to write.")
        file.seek(0)
        _write_header(file, (count, width))


def _write_header(file: BinaryIO, shape: tuple[int, int]) -> None:
    # NumPy leaves blanks after the header for the first axis to grow, and a whole number of lines.
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
