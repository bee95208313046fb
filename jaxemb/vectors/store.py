"""Embeddings kept on disk, so that a text is embedded once by a model, whoever asks again.

A file holds the vectors of one model in one setting: role, prompt, length limit, layers, dtype, the
kind of device, and the code that embeds. Files lie in a folder named by the model's weights. When
all together would outgrow the limit, the files that were used longest ago are removed whole.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from jaxemb.config import UsageError, fingerprint, is_part, paths, provenance
from jaxemb.config.files import write_whole
from jaxemb.data import cache_folder
from jaxemb.model import Embedding
from jaxemb.vectors.cache import EmbeddingCache, Usage, check_vectors
from jaxemb.vectors.files import VectorFile, key_of, owner_of

_CHUNK = 2048  # texts that are embedded before their vectors are written down
_SUFFIX = ".vectors"
GIGABYTE = 1_000_000_000


def store_folder() -> Path:
    """Where vectors are kept: `vectors` in the cache folder (`$JAXEMB_CACHE`)."""
    return cache_folder() / "vectors"


def store_limit() -> int:
    """The most bytes that the store may take: `$JAXEMB_VECTORS_GB`, or 4 GB.

    Raises:
        UsageError: the variable is no number, or below 0.
    """
    given = os.environ.get("JAXEMB_VECTORS_GB") or "4"
    try:
        limit = float(given)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise UsageError(f"JAXEMB_VECTORS_GB={given!r} must be a number of gigabytes, 0 or more")
    return int(limit * GIGABYTE)


class EmbeddingStore(EmbeddingCache):
    """Vectors from disk, and from the model where they are not there yet.

    Takes the place of the in-memory cache in `evaluate`. Where the disk cannot be written, or the
    limit leaves no room, the vectors are kept in memory and a warning says so.

    Args:
        embedding: the model and the settings it embeds in.
        folder: where the files are, by default `store_folder()`.
        limit: bytes that all files may take, by default `store_limit()`.
        watch: called after each request with what it took.

    Example:
        >>> embed = EmbeddingStore(Embedding(model, max_tokens=128))     # doctest: +SKIP
        >>> evaluate(embed, tasks)                                       # doctest: +SKIP
    """

    def __init__(
        self,
        embedding: Embedding,
        folder: Path | None = None,
        *,
        limit: int | None = None,
        watch: Callable[[Usage], None] | None = None,
        name: str = "",
    ):
        super().__init__(embedding, watch=watch)
        self._folder = folder or store_folder()
        self._limit = store_limit() if limit is None else limit
        self._name = name
        self._model = embedding.model.fingerprint()
        self._files: dict[str, VectorFile | None] = {}
        self._warned = False

    def __call__(self, texts: Sequence[str], role: str) -> Float32[np.ndarray, "texts width"]:
        started = time.perf_counter()
        file = self._file(role)
        if file is None:
            return super().__call__(texts, role)
        keys = [key_of(text) for text in texts]
        memory = self._rows.setdefault(role, {})
        fresh = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in file and text not in memory
        }
        if fresh:
            self._fill(file, fresh, role)
        self._tell(texts, fresh, started)
        if not memory:
            return file.read(keys)
        stored = np.array([key in file for key in keys], bool)
        vectors = np.empty((len(keys), self._vectors[role].shape[1]), np.float32)
        vectors[stored] = file.read([key for key in keys if key in file])
        rest = [memory[text] for text, there in zip(texts, stored, strict=True) if not there]
        vectors[~stored] = self._vectors[role][rest]
        return vectors

    def _over(self, embed: Embedding) -> "EmbeddingStore":
        """A store in the same folder: layers and a task's prompt are settings, so files differ."""
        return EmbeddingStore(
            embed, self._folder, limit=self._limit, watch=self._watch, name=self._name
        )

    def settings(self, role: str) -> dict[str, Any]:
        """Everything that the vectors of a role depend on, the texts apart."""
        embedder = self._embed.model.embedder
        parts = [embedder, *(part for part in paths(embedder).values() if is_part(part))]
        makers = [self._embed, *parts, *self._embed.model.transforms]
        return {
            "model": self._model,
            "code": provenance.code_of_vectors(makers),
            **self._embed.settings(role),
        }

    def _file(self, role: str) -> VectorFile | None:
        if role not in self._files:
            settings = self.settings(role)
            mark = fingerprint(settings)
            place = self._folder / self._model[:16] / mark[:16]
            try:
                self._files[role] = VectorFile(
                    place.with_suffix(_SUFFIX), owner_of(self._model, mark)
                )
                about = {"name": self._name, **settings}
                write_whole(place.with_suffix(".json"), json.dumps(about, indent=1))
                os.utime(place.with_suffix(_SUFFIX))
            except OSError as error:
                self._files[role] = None
                self._warn(f"{place} cannot be written ({error.strerror or error})")
        return self._files[role]

    def _fill(self, file: VectorFile, fresh: dict[bytes, str], role: str) -> None:
        """Embeds longest first, so that what is written down together has one length."""
        keys = sorted(fresh, key=lambda key: -len(fresh[key]))
        for start in range(0, len(keys), _CHUNK):
            some = keys[start : start + _CHUNK]
            texts = [fresh[key] for key in some]
            vectors = self._made(texts, role)
            check_vectors(vectors, texts)
            if not self._kept(file, some, vectors):
                self._remember(texts, vectors, role)

    def _kept(self, file: VectorFile, keys: list[bytes], vectors: np.ndarray) -> bool:
        """Whether the vectors went to disk."""
        needed = len(keys) * (vectors.shape[1] * 4 + 20)
        try:
            if make_room(self._folder, self._limit, needed, keep=file.path):
                file.append(keys, vectors)
                return True
        except OSError as error:
            self._warn(f"{file.path} cannot be written ({error.strerror or error})")
        else:
            self._warn(f"the limit of {self._limit / GIGABYTE:g} GB leaves no room")
        return False

    def _warn(self, why: str) -> None:
        """Once."""
        if not self._warned:
            print(f"warning: vectors are kept in memory alone: {why}", file=sys.stderr)
        self._warned = True


def make_room(folder: Path, limit: int, needed: int, *, keep: Path) -> bool:
    """Removes the files used longest ago, until `needed` more bytes stay within the limit.

    Returns:
        False, with nothing removed, where the file to keep would outgrow the limit alone.
    """
    files = sorted(stored_files(folder), key=lambda file: file.used)
    if needed + sum(file.bytes for file in files if file.path == keep) > limit:
        return False
    total = needed + sum(file.bytes for file in files)
    for file in files:
        if total > limit and file.path != keep:
            file.remove()
            total -= file.bytes
    return True


@dataclass(frozen=True)
class StoredFile:
    """A file of the store: the vectors of one model in one setting.

    `used` is when it was last opened to embed, in seconds since 1970.
    """

    path: Path
    bytes: int
    used: float

    @property
    def about(self) -> dict[str, Any]:
        """Its settings, as `EmbeddingStore.settings` gives them, and the model's `name`."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
        return {}

    @property
    def vectors(self) -> int:
        """How many there are."""
        with contextlib.suppress(OSError):
            file = VectorFile(self.path)
            count = len(file)
            file.close()
            return count
        return 0

    def remove(self) -> None:
        """A process that reads it goes on with what it has."""
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".json").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.parent.rmdir()  # where it was the model's last one


def stored_files(folder: Path | None = None) -> Iterator[StoredFile]:
    """Every file of the store."""
    for path in sorted((folder or store_folder()).glob(f"*/*{_SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            yield StoredFile(path, stat.st_size, stat.st_mtime)


def clear_store(folder: Path | None = None, model: str = "") -> tuple[int, int]:
    """Removes the files of models whose hash or name begins so (of all, by default).

    Returns:
        How many files and bytes went.
    """
    chosen = [
        file
        for file in stored_files(folder)
        if file.path.parent.name.startswith(model) or file.about.get("name", "").startswith(model)
    ]
    for file in chosen:
        file.remove()
    return len(chosen), sum(file.bytes for file in chosen)


def age(file: StoredFile) -> str:
    """How long ago a file was used, in words."""
    hours = max(0.0, time.time() - file.used) / 3600
    return f"{hours / 24:.0f} days ago" if hours >= 48 else f"{hours:.1f} hours ago"
