"""Files of a model's folder: JSON as dictionaries, safetensors as arrays; never pickles."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError, hash_of
from jaxemb.config.reading import inside, read_json
from jaxemb.interop.settings import Index

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_REALS = ("F32", "F16", "BF16", "F64")
_READ = (".json", ".txt", ".safetensors", ".gguf")


class Tensors:
    """The arrays of a folder's safetensors files by name, each read when it is asked for.

    Raises:
        UsageError: there is no safetensors file, or it is damaged.
    """

    def __init__(self, folder: Path):
        self.place = folder
        self._files: dict[str, Any] = {}
        for path in _weight_files(folder):
            opened, names = _opened(path)
            self._files |= dict.fromkeys(names, opened)

    def names(self) -> Iterable[str]:
        """The names of all arrays."""
        return self._files.keys()

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays, in float32."""
        from safetensors import SafetensorError

        found: dict[str, np.ndarray] = {}
        for name in names:
            try:
                kind = self._files[name].get_slice(name).get_dtype()
                if kind not in _REALS:
                    raise UsageError(
                        f"{self.place}: {name} is of type {kind}; weights are of {', '.join(_REALS)}."
                    )
                array = np.asarray(self._files[name].get_tensor(name), np.float32)
            except UsageError:
                raise
            except (SafetensorError, OSError, TypeError, ValueError, MemoryError) as error:
                raise UsageError(f"{self.place}: {name} cannot be read: {error}.") from error
            found[name] = finite(array, name, self.place)
        return found


def finite(array: np.ndarray, name: str, place: Path) -> np.ndarray:
    """Weights that are numbers.

    Raises:
        UsageError: one is infinite, or none.
    """
    bad = array.size - int(np.isfinite(array).sum())
    if bad:
        raise UsageError(f"{place}: {name} holds {bad} weights that are infinite or no numbers.")
    return array


def _weight_files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        shards = read_json(folder / INDEX, Index)["weight_map"].values()
        return [inside(folder, name, folder / INDEX) for name in dict.fromkeys(shards)]
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    pickles = [name for name in ("pytorch_model.bin", "tf_model.h5") if (folder / name).exists()]
    if pickles:
        raise UsageError(
            f"{folder} has its weights in {pickles[0]} only, and jaxemb reads safetensors alone, "
            "since a pickle can run code; save the model again with transformers' "
            "save_pretrained(folder), which writes model.safetensors."
        )
    raise UsageError(f"{folder} holds no weights: there is no {WEIGHTS} in it.")


def _opened(path: Path) -> tuple[Any, list[str]]:
    """A file that is mapped into memory, and the names of its arrays."""
    from safetensors import SafetensorError, safe_open

    try:
        opened = safe_open(path, framework="numpy")
        return opened, list(opened.keys())
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def fingerprint(place: Path) -> str:
    """SHA-256, as hex, over every file that makes a model: weights, pieces, settings."""
    folder = place if place.is_dir() else place.parent
    files = folder.rglob("*") if place.is_dir() else [place]
    paths = sorted(p for p in files if p.suffix in _READ and p.is_file())
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(bytes.fromhex(hash_of(path)))
    return whole.hexdigest()
