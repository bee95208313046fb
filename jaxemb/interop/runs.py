"""A part for a recipe's `embedder`: the model that another run trained."""

import dataclasses
import functools
from typing import ClassVar

from jaxtyping import Array

from jaxemb.config import hash_of
from jaxemb.interop.loading import load, model_folder
from jaxemb.model import Model, Network, Start


@dataclasses.dataclass(frozen=True)
class FromRun(Start):
    """Starts from the model in a folder: that of a finished run, or one that `Model.save` wrote.

    What the folder holds is in the fingerprint, and where it is is not.

    Example:
        >>> FromRun("runs/pooling_and_attention/small/causal-last-1a2b3c4d/seed-0").label
        'seed-0'

    Raises:
        UsageError: when a run is prepared, if there is no model in the folder.
    """

    folder: str

    unfingerprinted: ClassVar[tuple[str, ...]] = ("folder",)
    names_weights: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """What an arm is called that starts there."""
        return self.folder.rstrip("/").rpartition("/")[2]

    @property
    def network(self) -> Network:
        """The network that was saved."""
        return _loaded(self.folder, self.fingerprint()).embedder

    def start(self, key: Array) -> Model:
        """The model as it was saved."""
        return _loaded(self.folder, self.fingerprint())

    def content(self) -> str:
        """A hash of the model's files."""
        return self.fingerprint()

    def fingerprint(self) -> str:
        """A hash of the model's files."""
        return hash_of(model_folder(self.folder))


@functools.lru_cache(maxsize=4)
def _loaded(folder: str, mark: str) -> Model:
    """Read once for all that ask; `mark`, the hash of what is there, is part of the cache's key."""
    return load(folder)
