"""What a network of others is in our parts, and what its arrays are called there."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.heads import Output
from jaxemb.nn import GELU, Activation, ExactGELU, ReLU, SiLU, Tanh
from jaxemb.tokens import TokenEmbedding, TokenTable

ACTIVATIONS: dict[str, Activation] = {
    "gelu": ExactGELU(), "gelu_new": GELU(), "gelu_pytorch_tanh": GELU(), "relu": ReLU(),
    "silu": SiLU(), "swish": SiLU(), "tanh": Tanh(),
}  # fmt: skip


class Config(Mapping[str, Any]):
    """A network's settings; what is null counts as absent.

    Raises:
        UsageError: a field that is asked for with `[]` is absent.
    """

    def __init__(self, values: Mapping[str, Any], place: Path):
        self._values = {name: value for name, value in values.items() if value is not None}
        self.place = place

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise UsageError(f"{self.place} does not say {name}.")
        return self._values[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


# --- where an array stands


@dataclasses.dataclass(frozen=True)
class Stored:
    """The modules that hold one of ours, `{n}` being a layer's number: by default the only one."""

    names: tuple[str, ...]

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Our array, a row for each output, of theirs."""
        return arrays[0]

    def parts(self, array: np.ndarray) -> list[np.ndarray]:
        """Theirs, of our array: the inverse of `made`."""
        return [array]

    def named(self, end: str) -> list[str]:
        """The names of the arrays, where they end in "weight" or "bias"."""
        return [f"{name}.{end}" for name in self.names]

    @property
    def order(self) -> int:
        """Where our array stands among those that share a module, from above."""
        return 0


class Joined(Stored):
    """Several modules, one below the other."""

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    def parts(self, array: np.ndarray) -> list[np.ndarray]:
        """Equal parts."""
        return np.split(array, len(self.names))


@dataclasses.dataclass(frozen=True)
class Third(Stored):
    """One of the three equal parts of a module, such as the keys of "Wqkv"."""

    place: int

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.split(arrays[0], 3)[self.place] if len(arrays[0]) % 3 == 0 else arrays[0]

    @property
    def order(self) -> int:
        return self.place


@dataclasses.dataclass(frozen=True)
class From(Stored):
    """The rows of a module from one on: those before are never read."""

    first: int

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return arrays[0][self.first :]

    def parts(self, array: np.ndarray) -> list[np.ndarray]:
        """With zeros in the rows that are never read."""
        return [np.pad(array, ((self.first, 0), (0, 0)))]


class Named(Stored):
    """An array that is no module's weight or bias, by its whole name."""

    def named(self, end: str) -> list[str]:
        return list(self.names)


class Turned(Named):
    """The same, with the axes the other way round."""

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return arrays[0].T


@dataclasses.dataclass(frozen=True)
class Stacked(Named):
    """Matrices of equally many rows, one below the other; ours has an axis for their number."""

    count: int

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return arrays[0].reshape(self.count, -1, arrays[0].shape[-1])


class StackedTurned(Stacked):
    """The same, where ours are those matrices with the axes the other way round."""

    def made(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return super().made(arrays).swapaxes(1, 2)


Places = Mapping[str, str | Stored]
"""Where our arrays stand: by the paths of their modules, or by their own where these stand apart."""


def stored(place: str | Stored) -> Stored:
    """A place, where it is but a name."""
    return Stored((place,)) if isinstance(place, str) else place


# --- networks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network of others in our parts.

    Attributes:
        encoder: its layers.
        tokens: its token vectors.
        places: where the arrays of both stand.
        older_places: where they stand in checkpoints of another form.
        prefixes: may stand before all names.
        unused: begin the names of arrays that serve other purposes than embedding.
        max_tokens: the longest text that it takes.
        output: what predicts tokens, in its own checkpoints for that.
        output_places: where the arrays of that stand.
    """

    encoder: Transformer
    places: Places
    prefixes: tuple[str, ...]
    max_tokens: int
    tokens: TokenEmbedding = dataclasses.field(default_factory=TokenTable)
    unused: tuple[str, ...] = (
        "pooler.", "cls.", "lm_head.", "classifier.", "qa_outputs.", "score.", "vocab_",
    )  # fmt: skip
    older_places: Places = dataclasses.field(default_factory=dict)
    output: Output | None = None
    output_places: Places = dataclasses.field(default_factory=dict)


Describe = Callable[[Config], Network]


def activation(name: str) -> Activation:
    """The part that a config's name of an activation stands for.

    Raises:
        UsageError: there is none.
    """
    if name not in ACTIVATIONS:
        raise UsageError(
            f"the activation {name!r} has no part here; there are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]
