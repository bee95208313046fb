"""What files hold, hashed: for parts that read them."""

import functools
import hashlib
from pathlib import Path

from jaxemb.config.files import given_path
from jaxemb.config.parts import UsageError


def hash_of(path: str | Path) -> str:
    """SHA-256, as hex, of a file's bytes, or of all files in a folder with their names in it.

    A file is read in pieces, and once while its size and its time of change stay the same.

    Example:
        >>> hash_of(__file__) == hash_of(__file__)
        True

    Raises:
        UsageError: there is nothing at the path, or it cannot be read.
    """
    path = given_path(path)
    if not path.is_dir():
        return _hash_of_file(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    listed = [(file.relative_to(path).as_posix(), _hash_of_file(file)) for file in files]
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def _hash_of_file(path: Path) -> str:
    try:
        about = path.stat()
        return _read(path, about.st_size, about.st_mtime_ns)
    except FileNotFoundError:
        raise UsageError(f"the file {path} does not exist") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


@functools.lru_cache(maxsize=4096)
def _read(path: Path, size: int, changed: int) -> str:
    """Size and time of change are there to be part of the cache's key."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
