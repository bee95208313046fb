"""Files of a model's folder: JSON as dictionaries, safetensors as arrays; never pickles."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jaxemb.config import UsageError, hash_of
from jaxemb.config.files import read_json

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_READ = (".json", ".txt", ".safetensors")


class Tensors:
    """The arrays of a folder's safetensors files by name, each read when it is asked for.

    Raises:
        UsageError: there is no safetensors file, or it is damaged.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._files = {name: path for path in _weight_files(folder) for name in _names(path)}

    def names(self) -> Iterable[str]:
        """The names of all arrays."""
        return self._files.keys()

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays, in float32."""
        from safetensors import SafetensorError, safe_open

        found: dict[str, np.ndarray] = {}
        by_file: dict[Path, list[str]] = {}
        for name in names:
            by_file.setdefault(self._files[name], []).append(name)
        for path, wanted in by_file.items():
            try:
                with safe_open(path, framework="numpy") as tensors:
                    found |= {name: _float32(tensors.get_tensor(name)) for name in wanted}
            except (SafetensorError, OSError, TypeError) as error:
                raise UsageError(f"{path} cannot be read: {error}.") from error
        return found


def _float32(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        shards = read_json(folder / INDEX).get("weight_map", {}).values()
        return [folder / name for name in dict.fromkeys(shards)]
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


def _names(path: Path) -> list[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as tensors:
            return list(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from error


def fingerprint(folder: Path) -> str:
    """SHA-256, as hex, over every file of a folder that makes the model: weights, pieces, settings."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in _READ and p.is_file())
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0")
        whole.update(bytes.fromhex(hash_of(path)))
    return whole.hexdigest()
