"""Models in one GGUF file: settings, arrays (quantised ones are computed back) and pieces."""

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.interop.files import finite
from jaxemb.interop.gguf_kinds import KINDS, POOLINGS, SETTINGS
from jaxemb.interop.gguf_pieces import gguf_backend
from jaxemb.pooling import Pooling

_FREQUENCIES = "rope_freqs.weight"


class GGUF:
    """A GGUF file under the names of Hugging Face.

    Raises:
        UsageError: the file is damaged, of an architecture that is not read here, or the package
            `gguf` is not installed.
    """

    def __init__(self, path: Path):
        self.place = path
        about = path.stat()
        self._reader = _reader(path, about.st_size, about.st_mtime_ns)
        self._stored = {tensor.name: tensor for tensor in self._reader.tensors}
        self.kind = str(self.said("general.architecture"))
        if self.kind not in KINDS:
            raise UsageError(
                f"{path} is of the architecture {self.kind!r}; of GGUF files jaxemb reads "
                f"{', '.join(KINDS)}."
            )
        self._known = KINDS[self.kind]
        self._ours = {self._known.name(name): name for name in self._stored if name != _FREQUENCIES}

    def said(self, key: str, default: Any = None) -> Any:
        """The value of a metadata key.

        Raises:
            UsageError: it is absent, and there is no default.
        """
        field = self._reader.fields.get(key)
        if field is None and default is None:
            raise UsageError(f"{self.place} does not say {key}.")
        return default if field is None else field.contents()

    def settings(self) -> dict[str, Any]:
        """What `config.json` would say."""
        given = {
            ours: self.said(f"{self.kind}.{theirs}")
            for theirs, ours in SETTINGS.items()
            if f"{self.kind}.{theirs}" in self._reader.fields
        }
        self._check_attention(given)
        given = dict(self._known.given) | given
        for name in ("rms_norm_eps", "layer_norm_eps"):
            if name in given:  # kept in float32: the shortest number that it can have been
                given[name] = float(str(np.float32(given[name])))
        rows = {"token_types": "type_vocab_size", "position_embd": "max_position_embeddings"}
        given |= {ours: self._rows(name) for name, ours in rows.items() if self._has(name)}
        return given | {
            "model_type": self._known.model_type,
            "vocab_size": self._rows("token_embd"),
            "tie_word_embeddings": not self._has("output"),
        }

    def _check_attention(self, given: Mapping[str, Any]) -> None:
        """Refuses positions and masks that no part made from these settings would have."""
        scaling = self.said(f"{self.kind}.rope.scaling.type", "none")
        if scaling not in ("none", "") or self._scales_frequencies():
            raise UsageError(f"{self.place} has scaled rotary positions, which are not read here.")
        heads = given.get("num_attention_heads")
        width = given.get("head_dim", given.get("hidden_size", 0) // heads if heads else 0)
        turned = self.said(f"{self.kind}.rope.dimension_count", width)
        if width and turned != width:
            raise UsageError(
                f"{self.place} rotates {turned} of the {width} numbers of a head, and jaxemb reads "
                "GGUF files that rotate all of them."
            )
        causal = self._known.causal
        if bool(self.said(f"{self.kind}.attention.causal", causal)) != causal:
            raise UsageError(
                f"{self.place} says attention.causal={not causal}; jaxemb reads a "
                f"{self.kind} whose tokens read {'those before them alone' if causal else 'all'}."
            )

    def _scales_frequencies(self) -> bool:
        """Whether an array or a factor says that frequencies are divided.

        Files of Llama 3 say it by the array alone.
        """
        if float(self.said(f"{self.kind}.rope.scale_linear", 1.0)) != 1.0:
            return True
        factors = self._stored.get(_FREQUENCIES)
        return factors is not None and not np.all(np.asarray(factors.data) == 1)

    def _has(self, module: str) -> bool:
        return f"{module}.weight" in self._stored

    def _rows(self, module: str) -> int:
        """Rows of a table; sizes stand the other way round there."""
        if not self._has(module):
            raise UsageError(f"{self.place} holds no {module}.weight.")
        sizes = self._stored[f"{module}.weight"].shape
        return int(sizes[1]) if len(sizes) > 1 else 1

    def names(self) -> Iterable[str]:
        """The names of all arrays."""
        return self._ours.keys()

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The named arrays, in float32."""
        return {name: self._read(name) for name in names}

    def _read(self, name: str) -> np.ndarray:
        import gguf

        tensor = self._stored[self._ours[name]]
        try:
            array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        except (NotImplementedError, ValueError) as error:
            kind = tensor.tensor_type.name
            raise UsageError(f"{self.place}: {tensor.name} of type {kind}: {error}.") from error
        finite(array, tensor.name, self.place)
        counts = {"q_proj": "head_count", "k_proj": "head_count_kv"}
        count = counts.get(name.split(".")[-2])
        if count is None or not self._known.neighbours:
            return array
        usual = self.said(f"{self.kind}.attention.head_count")
        return _half_apart(array, int(self.said(f"{self.kind}.attention.{count}", usual)))

    def backend(self) -> Any:
        """The tokenizer of the `tokenizers` library that its pieces and merges stand for.

        Raises:
            UsageError: it is of a kind that is not read here.
        """
        return gguf_backend(self.said, self.place)

    def pooling(self) -> Pooling:
        """What becomes of the states; the mean where the file says nothing.

        Raises:
            UsageError: it is another kind of model.
        """
        number = int(self.said(f"{self.kind}.pooling_type", 1))
        if number not in POOLINGS:
            raise UsageError(
                f"{self.place} has the pooling_type {number}; jaxemb reads those of embedders: "
                f"{', '.join(map(str, POOLINGS))}."
            )
        return POOLINGS[number]


def _half_apart(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys whose pairs are neighbours, brought half a head apart."""
    if len(array) % (2 * heads):
        return array  # the shape is refused later, with its name
    pairs = array.reshape(heads, -1, 2, *array.shape[1:])
    return pairs.swapaxes(1, 2).reshape(array.shape)


@functools.lru_cache(maxsize=2)
def _reader(path: Path, size: int, changed: int) -> Any:
    """A file's reader; its size and time of change are there to be part of the cache's key."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise UsageError("GGUF files are read by the package gguf: pip install gguf.") from None
    try:
        return GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise UsageError(f"{path} cannot be read: {error!r}.") from error


def only_file(folder: Path) -> Path | None:
    """The only GGUF file of a folder; the path itself if it is one."""
    if folder.suffix == ".gguf" and folder.is_file():
        return folder
    found = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None
