"""What a recipe begins with: a model before the first stage."""

from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Array

from jaxemb.config import Part
from jaxemb.model.model import Model


class Start(Part):
    """Slot: where a recipe's model comes from: random parameters, or weights that are there.

    Attributes:
        cuts_texts: the path of the field that says after how many tokens a text is cut.
    """

    cuts_texts: ClassVar[str] = "text.max_tokens"

    @property
    def network(self) -> Any:
        """The network in our own parts, known before any weights are read; None for no model."""
        raise TypeError(f"{type(self).__name__} must define network")

    def start(self, key: Array) -> Model:
        """The model that the stages start from."""
        raise TypeError(f"{type(self).__name__} must define start(key)")

    def untrained(self, key: Array) -> Model:
        """The model that untrained controls start from; by default the same."""
        return self.start(key)

    def fingerprint(self) -> str:
        """Hex of a hash of what is read from outside the recipe; empty where nothing is."""
        return ""

    def save(self, model: Model, folder: Path, *, changed: bool) -> None:
        """Write the model that came of it; `changed` says whether any stage was run."""
        model.save(folder, overwrite=True)


class NoModel(Start):
    """No model at all, for evaluations that need none."""

    @property
    def network(self) -> None:
        """None: there is nothing to compute."""
        return None

    def start(self, key: Array) -> Model:
        """A model without a network, which encodes nothing."""
        return Model(embedder=None, params={})

    def save(self, model: Model, folder: Path, *, changed: bool) -> None:
        """Writes nothing."""
