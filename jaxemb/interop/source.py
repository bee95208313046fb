"""Where a model's settings, arrays and pieces are: a folder of Hugging Face, or one GGUF file."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxemb.config import UsageError
from jaxemb.interop.files import Tensors
from jaxemb.interop.gguf import GGUF, only_file
from jaxemb.interop.pieces import folder_backend
from jaxemb.interop.settings import Pieces, read_settings
from jaxemb.interop.weights import Arrays
from jaxemb.pooling import Mean, Pooling


@runtime_checkable
class Source(Protocol):
    """A network's files, whatever their form."""

    place: Path

    def settings(self) -> dict[str, Any]:
        """What `config.json` says."""

    def arrays(self) -> Arrays:
        """The checkpoint."""

    def backend(self) -> Any:
        """The tokenizer of the `tokenizers` library."""

    def longest(self, positions: int) -> int:
        """How many tokens a text may have, of so many positions."""

    def pooling(self) -> Pooling:
        """What becomes of the states, where no file of sentence-transformers says it."""


class Folder:
    """A network's folder of Hugging Face: `config.json`, safetensors, `tokenizer.json`."""

    def __init__(self, place: Path):
        self.place = place

    def settings(self) -> dict[str, Any]:
        return read_settings(self.place / "config.json", dict)

    def arrays(self) -> Tensors:
        return Tensors(self.place)

    def backend(self) -> Any:
        return folder_backend(self.place)

    def longest(self, positions: int) -> int:
        stated = read_settings(self.place / "tokenizer_config.json", Pieces, {})
        # A number far beyond all is how "no limit" is written.
        return min(int(stated.get("model_max_length", positions)), positions)

    def pooling(self) -> Pooling:
        return Mean()


class GGUFFile(GGUF):
    """A GGUF file is its own checkpoint."""

    def arrays(self) -> "GGUFFile":
        return self

    def longest(self, positions: int) -> int:
        return positions


def source(place: Path) -> Source:
    """The files of the network in a folder, or in a GGUF file.

    Raises:
        UsageError: there are none.
    """
    if (place / "config.json").is_file():
        return Folder(place)
    file = only_file(place)
    if file is None:
        raise UsageError(f"There is no {place / 'config.json'}.")
    return GGUFFile(file)
