"""A part for a recipe's `embedder`: weights that somebody else trained, by name or folder."""

import dataclasses
import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import jax
from jaxtyping import Array

from jaxemb.config import Between, UsageError, small, to_json
from jaxemb.config.files import discard, whole_folder, write_whole
from jaxemb.config.manifests import seal
from jaxemb.interop import files
from jaxemb.interop.folder import cut, describe, read
from jaxemb.interop.locate import find, readable
from jaxemb.model import FORMAT, KIND, Embedder, Model, Start, initialised, transplanted


@dataclass(frozen=True)
class Pretrained(Start):
    """Weights on this machine, in the place of an embedder that a recipe trains from scratch.

    The name is what stands in JSON; the weights' hash is in the fingerprint of a run's data. With
    no stages the model is scored as it is; with stages, training starts from it.

    Args:
        name: such as "all-MiniLM-L6-v2"; a package's, one in the Hugging Face cache, or a folder.
        layers: keep the first layers only; None keeps all.
        max_tokens: cut texts there, where that is shorter than the model's own limit.
        embedder: the network, where it differs from the one that the weights were made for. What it
            shares with that keeps its weights; the rest starts at random and is named in the log.
            Overrides such as `pooling=first_token` fill it.

    Example:
        >>> Pretrained("all-MiniLM-L6-v2", layers=3).label
        'all-MiniLM-L6-v2,layers=3'

    Raises:
        UsageError: when a run is prepared, if the model is not on this machine.
    """

    name: str
    layers: Annotated[int, Between(0, 1000)] | None = None
    max_tokens: Annotated[int, Between(1, 2**31)] | None = None
    embedder: Embedder | None = None

    aliases: ClassVar[tuple[str, ...]] = ("pretrained",)
    cuts_texts: ClassVar[str] = "max_tokens"
    names_weights: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """What an arm is called that is this model."""
        short = Path(self.name).name
        return short if self.layers is None else f"{short},layers={self.layers}"

    @property
    def network(self) -> Embedder:
        """The embedder in our own parts, from the folder's settings alone.

        Raises:
            UsageError: the model is not on this machine, or has something that no part here does.
        """
        whole = self.embedder or _described(find(self.name))
        return cut(whole, self.layers, self.max_tokens)

    def described(self) -> "Pretrained":
        """With its network written out, so that overrides reach it."""
        if self.embedder is not None:
            return self
        return dataclasses.replace(self, embedder=_described(find(self.name)))

    def content(self) -> str:
        return self.fingerprint()

    def fingerprint(self) -> str:
        """SHA-256 over the weights, the tokenizer and all settings, as hex."""
        return files.fingerprint(find(self.name))

    def start(self, key: Array) -> Model:
        """The model; `key` is for the parameters that the weights do not have."""
        mark, folder = self.fingerprint(), find(self.name)
        if self.embedder is None:
            return _read(folder, mark, self.layers, self.max_tokens)
        model = _read(folder, mark, None, None)
        params, fresh = transplanted(model.params, initialised(self.network, key))
        return Model(
            embedder=self.network,
            params=jax.tree.map(jax.numpy.asarray, params),
            tokenizer=model.tokenizer.read_as(self.network.text),
            fresh=fresh,
        )

    def save(self, model: Model, folder: Path, *, changed: bool) -> None:
        """Write the model; where no stage changed it, only which weights these are."""
        if changed:
            super().save(model, folder, changed=changed)
            return
        description = {"format": FORMAT, "pretrained": to_json(self), "weights": self.fingerprint()}
        with whole_folder(folder) as staging:
            write_whole(staging / "model.json", json.dumps(description, indent=1))
            seal(staging, KIND)
            discard(folder)

    def start_again(self, weights: str) -> Model:
        """The model of these weights, as `save` noted them.

        Raises:
            UsageError: the weights of this name are others now.
        """
        if self.fingerprint() != weights:
            raise UsageError(
                f"{self.name} was {weights[:8]} when this was saved, and the files in "
                f"{find(self.name)} are others ({self.fingerprint()[:8]})."
            )
        return self.start(jax.random.key(0))

    def untrained(self, key: Array) -> Model:
        """The same network with this token table and tokenizer, and random weights elsewhere."""
        model = self.start(key)
        random = Model.create(model.embedder, key).params
        params = random | {"tokens": jax.tree.map(jax.numpy.asarray, model.params["tokens"])}
        return Model(embedder=model.embedder, params=params, tokenizer=model.tokenizer)

    def small(self) -> "Pretrained":
        """One layer of the same weights on short texts, with short prompts."""
        own = self.embedder
        if own is not None:
            text = replace(own.text, template=small(own.text.template))
            own = replace(own, text=text)
        return replace(self, layers=1, max_tokens=16, embedder=own)


def weights_at_hand(name: str, *, otherwise: Pretrained, **fields: Any) -> Pretrained:
    """`Pretrained(name)` where it can be read on this machine, or the weights that take its place.

    Example:
        >>> weights_at_hand("no-such-model", otherwise=Pretrained("all-MiniLM-L6-v2")).name
        'all-MiniLM-L6-v2'
    """
    try:
        readable(find(name))
    except UsageError:
        return otherwise
    return Pretrained(name, **fields)


@functools.lru_cache(maxsize=16)
def _described(folder: Path) -> Embedder:
    return describe(folder)


@functools.lru_cache(maxsize=2)
def _read(folder: Path, mark: str, layers: int | None, max_tokens: int | None) -> Model:
    """Read once for all that ask; `mark`, the folder's fingerprint, is part of the cache's key."""
    return read(folder, layers=layers, max_tokens=max_tokens)
