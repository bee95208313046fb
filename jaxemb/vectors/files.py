"""Vectors on disk: files that only grow, written by several processes at once, read by mapping.

A file is a header, which names whose vectors they are, and records of one size,
`key (16 bytes) · checksum (4 bytes) · vector`. Whoever
appends holds the file's lock, reads what others appended before, and cuts off what a killed process
left of a record. A reader maps whole records only, and takes none whose checksum is wrong.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from jaxemb.config.files import warn

_MAGIC = b"jaxemb vectors 1"
_HEADER = struct.Struct("<16sI32s12x")
_NOBODY = bytes(32)  # of files from before owners


def key_of(text: str) -> bytes:
    """Sixteen bytes that stand for a text; two of a billion texts share them once in 10^20."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def owner_of(model: str, settings: str) -> bytes:
    """Thirty-two bytes that stand for a model and for the settings it embeds in."""
    return key_of(model) + key_of(settings)


class VectorFile:
    """Vectors of equal width by key, in a file that several processes may read and append to.

    With an `owner`, the vectors of another are not believed: the file is begun again.

    Example:
        >>> import tempfile
        >>> file = VectorFile(Path(tempfile.mkdtemp()) / "a.vectors")
        >>> file.append([key_of("a")], np.ones((1, 3), np.float32))
        >>> key_of("a") in file, key_of("b") in file, file.read([key_of("a")]).tolist()
        (True, False, [[1.0, 1.0, 1.0]])

    Raises:
        OSError: the file cannot be created, read or written.
        ValueError: the file holds vectors of another width.
    """

    def __init__(self, path: Path, owner: bytes = _NOBODY):
        self.path, self._owner = path, owner
        path.parent.mkdir(parents=True, exist_ok=True)
        # Kept open: where another process removes the file, this one goes on with what it has.
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._rows: dict[bytes, int] = {}
        self._records: np.ndarray | None = None
        self._known = 0
        with self._locked(fcntl.LOCK_SH):
            self._refresh()

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, keys: Sequence[bytes]) -> Float32[np.ndarray, "keys width"]:
        """A copy of the vectors of keys that are there.

        Raises:
            KeyError: a key is not there.
        """
        if not keys:
            width = 0 if self._records is None else self._records.dtype["vector"].shape[0]
            return np.zeros((0, width), np.float32)
        rows = np.fromiter((self._rows[key] for key in keys), np.int64, count=len(keys))
        return self._records["vector"][rows]

    def append(self, keys: Sequence[bytes], vectors: Float32[np.ndarray, "keys width"]) -> None:
        """Adds the vectors of the keys that nobody has added yet."""
        with self._locked(fcntl.LOCK_EX):
            self._refresh()
            fresh = [n for n, key in enumerate(keys) if key not in self._rows]
            if not fresh:
                return
            self._mend(vectors.shape[1])
            _write(self._fd, b"".join(_packed(keys[n], vectors[n]) for n in fresh))
            self._refresh()

    def close(self) -> None:
        """Lets go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            self.close()

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """The kernel frees the lock when its holder dies, however it dies."""
        fcntl.flock(self._fd, kind)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _refresh(self) -> None:
        """Maps the file as long as it is now, and reads the keys of the new records."""
        size = os.fstat(self._fd).st_size
        width = self._width(size)
        if width is None:
            return
        record = _record(width)
        count = (size - _HEADER.size) // record.itemsize
        if count <= self._known:
            return
        mapped = mmap.mmap(
            self._fd, _HEADER.size + count * record.itemsize, access=mmap.ACCESS_READ
        )
        self._records = np.frombuffer(mapped, record, count, _HEADER.size)
        for row in range(self._known, count):
            one = self._records[row]
            key, vector = one["key"].tobytes(), one["vector"]
            if one["check"] == _checksum(key, vector.tobytes()):
                self._rows.setdefault(key, row)
        self._known = count

    def _width(self, size: int) -> int | None:
        if size < _HEADER.size:
            return None
        magic, width, owner = _HEADER.unpack(os.pread(self._fd, _HEADER.size, 0))
        ours = _NOBODY in (owner, self._owner) or owner == self._owner
        return width if magic == _MAGIC and width > 0 and ours else None

    def _mend(self, width: int) -> None:
        """Leaves the file at the end of its last whole record, with a header in any case."""
        size = os.fstat(self._fd).st_size
        found = self._width(size)
        if found not in (width, None):
            raise ValueError(f"{self.path} holds vectors of width {found}, not {width}")
        if found is None:
            if size > _HEADER.size:
                warn(f"{self.path} holds no vectors of this model in this setting: begun again.")
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, _HEADER.pack(_MAGIC, width, self._owner), 0)
            size = _HEADER.size
        size -= (size - _HEADER.size) % _record(width).itemsize
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, 0, os.SEEK_END)


def _record(width: int) -> np.dtype:
    return np.dtype([("key", "u1", 16), ("check", "<u4"), ("vector", "<f4", (width,))])


def _checksum(key: bytes, vector: bytes) -> int:
    return zlib.crc32(vector, zlib.crc32(key))


def _packed(key: bytes, vector: np.ndarray) -> bytes:
    data = vector.astype("<f4").tobytes()
    return key + struct.pack("<I", _checksum(key, data)) + data


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
