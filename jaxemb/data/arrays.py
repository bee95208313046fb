"""Arrays that are built once by one process, kept on disk and mapped by all."""

import contextlib
import fcntl
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from jaxemb.config.files import whole_file

_CHECK = 4  # bytes of the checksum behind an array
_PIECE = 1 << 24


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a `.npy` file with a checksum behind it, whole or not at all."""
    array = np.ascontiguousarray(array)
    with whole_file(path) as staging, staging.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.write(_checksum(array))


def load_array(path: Path) -> np.ndarray | None:
    """The array of a file, mapped; None where there is none or it is not what was written.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "numbers"
        >>> save_array(file, np.arange(3))
        >>> load_array(file).tolist()
        [0, 1, 2]
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            file.seek(-_CHECK, 2)
            return array if file.read() == _checksum(array) else None
    except (OSError, ValueError, EOFError):
        return None


def kept_array(path: Path, build: Callable[[], np.ndarray]) -> np.ndarray:
    """The array of a file, mapped; where there is none, one process builds it and all wait for that."""
    found = load_array(path)
    if found is None:
        with building(path.parent):
            if load_array(path) is None:
                save_array(path, build())
        found = load_array(path)
    return found


@contextlib.contextmanager
def building(folder: Path) -> Iterator[None]:
    """Only one process at a time is inside; the kernel lets go where it dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _checksum(array: np.ndarray) -> bytes:
    flat, found = array.reshape(-1).view(np.uint8), 0
    for start in range(0, len(flat), _PIECE):
        found = zlib.crc32(np.ascontiguousarray(flat[start : start + _PIECE]), found)
    return found.to_bytes(_CHECK, "little")
