"""One tower: inputs become token vectors, an encoder's states, and vectors read off these."""

import abc
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxemb.config import UsageError
from jaxemb.encoders import Encoder
from jaxemb.heads import Head, Output
from jaxemb.losses import Embedded
from jaxemb.model.model import Model
from jaxemb.model.network import Network, Params
from jaxemb.pooling import Pooling
from jaxemb.runtime.shapes import TokenMask

Extra = dict[str, Array]


class OneTower(Network, abc.ABC):
    """Base of what embeds every column alike: `head(pooling(encoder(x)))`.

    A subclass says how inputs become token vectors, by `place`, and has these parts.
    """

    encoder: Encoder
    pooling: Pooling
    head: Head
    output: ClassVar[Output | None] = None

    @abc.abstractmethod
    def place(self, tokens: Params, batch: Any) -> tuple[Array, TokenMask]:
        """Vectors `[batch, tokens, width]` and the mask of the real ones, from a batch of inputs."""

    @abc.abstractmethod
    def init_tokens(self, key: Array) -> tuple[Array, Params]:
        """Vectors `[1, tokens, width]`, and the fresh parameters of what `place` reads."""

    @abc.abstractmethod
    def example(self, rows: int = 1) -> Any:
        """The shapes of a batch of inputs."""

    @abc.abstractmethod
    def largest(self, column: str, rows: int = 1) -> Any:
        """The shapes of a batch of the largest inputs that are read in a column."""

    @property
    def several(self) -> bool:
        """Whether an input has several vectors."""
        return self.pooling.items(jnp.ones((1, 1), bool)) is not None

    @property
    def reads_prompt(self) -> bool:
        """Whether batches have to say which tokens are the prompt's."""
        return self.pooling.reads_prompt

    @property
    def by_name(self) -> Mapping[str, "OneTower"]:
        """Itself, under the name `""`."""
        return {"": self}

    def name_of(self, column: str) -> str:
        """`""`: every column is read alike."""
        return ""

    def params_of(self, params: Params, name: str) -> Params:
        """All of them."""
        return params

    def start(self, key: Array) -> Model:
        """The model that a recipe's stages start from: random parameters, and no tokenizer yet."""
        return Model(embedder=self, params=initialised(self, key))

    def init(self, key: Array) -> Params:
        """Random parameters, a plain nested dict with one entry per part."""
        keys = dict(
            zip(("tokens", "encoder", "pooling", "head"), jax.random.split(key, 4), strict=True)
        )
        x, tokens = self.init_tokens(keys["tokens"])
        mask = jnp.ones(x.shape[:2], bool)
        states, encoder = self.encoder.init_with_output(keys["encoder"], x, mask, None)
        params = {"tokens": tokens, "encoder": encoder.get("params", {})}
        told = {"ids": jnp.ones(mask.shape, jnp.int32), "prompt": ~mask}
        vectors, params["pooling"] = _created(
            self.pooling, keys["pooling"], params, states, mask, told=told
        )
        _, params["head"] = _created(self.head, keys["head"], params, vectors)
        if self.output is not None:
            own = jax.random.fold_in(key, 1)
            _, params["output"] = _created(self.output, own, params, states[-1])
        return params

    def hidden(
        self, params: Params, batch: Any, *, keys: Array | None = None
    ) -> tuple[Float[Array, "layers batch tokens width"], TokenMask, Extra]:
        """Every hidden state, the mask, and what the encoder sowed, `[batch, places, ...]` by name.

        `keys`, one for each input, switch dropout on.
        """
        x, mask = self.place(params["tokens"], batch)
        states, sown = self.encoder.apply(
            variables(params, "encoder"), x, mask, keys, mutable=["extra"]
        )
        return states, mask, _by_name(sown.get("extra", {}))

    def states(
        self, params: Params, batch: Any, *, keys: Array | None = None
    ) -> Float[Array, "layers batch tokens width"]:
        """Every hidden state. `keys`, one for each text, switch dropout on."""
        return self.hidden(params, batch, keys=keys)[0]

    def read(
        self,
        params: Params,
        states: Float[Array, "layers batch tokens width"],
        mask: Array,
        told: Extra | None = None,
    ) -> Float32[Array, "batch *items dim"]:
        """Hidden states to vectors: pooling, then the head.

        `told` is what the pooling may ask of each token, `[batch, tokens]`, as `said` finds it.
        """
        given = variables(params, "pooling") | {"batch": told or {}}
        pooled = self.pooling.apply(given, states, mask)
        return self.head.apply(variables(params, "head"), pooled).astype(jnp.float32)

    def vectors(self, params: Params, batch: Any, *, keys: Array | None = None) -> Embedded:
        """What the loss reads of a batch: a vector, or several with a mask of the real ones.

        Where the batch has spans, each is pooled by itself, `[batch, spans, dim]`, from the states
        of the whole text.
        """
        states, mask, extra = self.hidden(params, batch, keys=keys)
        told = said(batch)
        if getattr(batch, "spans", None) is None:
            items = self.pooling.apply({"batch": told}, mask, method="items")
            return Embedded(self.read(params, states, mask, told), items, extra)
        spans = jnp.asarray(batch.spans) & mask[:, None]
        read = jax.vmap(lambda span: self.read(params, states, span, told), in_axes=1, out_axes=1)
        return Embedded(read(spans), jnp.any(spans, axis=-1), extra)

    def apply(
        self, params: Params, batch: Any, *, keys: Array | None = None
    ) -> Float32[Array, "batch *items dim"]:
        """Vectors of a batch of texts, `[batch, dim]`."""
        return self.vectors(params, batch, keys=keys).vectors

    def logits(self, params: Params, batch: Any, *, keys: Array | None = None) -> Embedded:
        """Scores of every piece of the vocabulary at each token, `[batch, tokens, vocabulary]`.

        The ids of the tokens stand in `extra["ids"]`.

        Raises:
            UsageError: the network has no `output`.
        """
        states, mask, extra = self.hidden(params, batch, keys=keys)
        scores = self.scores(params, states)
        return Embedded(scores, mask, {**extra, "ids": jnp.asarray(batch.ids)})

    def scores(
        self, params: Params, states: Float[Array, "layers batch tokens width"]
    ) -> Float32[Array, "batch tokens vocabulary"]:
        """Logits of the last of the hidden states.

        Raises:
            UsageError: the network has no `output`.
        """
        if self.output is None:
            raise UsageError("This network predicts no tokens: give it an output.")
        return self.output.apply(variables(params, "output"), states[-1])

    def depths(
        self, params: Params, batch: Any, *, keys: Array | None = None
    ) -> Float32[Array, "batch layers dim"]:
        """The vectors that the model would give if it were cut after each of its layers."""
        states, mask, _ = self.hidden(params, batch, keys=keys)
        told = said(batch)
        cuts = [self.read(params, states[: n + 1], mask, told) for n in range(len(states))]
        return jnp.stack(cuts, axis=1)

    def truncated(self, layers: int) -> "OneTower":
        """The same tower with only its first `layers` layers; it reads the same parameters."""
        depth = self.layers
        if not 1 <= layers <= depth:
            raise UsageError(
                f"layers={layers} is out of range: this model has layers 1 to {depth}."
            )
        if layers == depth:
            return self
        return dataclasses.replace(self, encoder=self.encoder.truncated(layers))

    def checkpointed(self) -> "OneTower":
        """The same tower whose encoder keeps only the input of each block."""
        return dataclasses.replace(self, encoder=self.encoder.checkpointed())

    @property
    def layers(self) -> int:
        """How many layers the encoder has; 1 for a bag."""
        return getattr(self.encoder, "layers", 1)

    @property
    def dim(self) -> int:
        """Width of the output vector; each network is traced once for it."""
        return _width(self)


def said(batch: Any) -> Extra:
    """What a batch says of each token, `[batch, tokens]`, by the names that poolings ask for."""
    found = {name: getattr(batch, name, None) for name in ("ids", "prompt")}
    return {name: jnp.asarray(value) for name, value in found.items() if value is not None}


@functools.lru_cache(maxsize=256)
def _width(tower: "OneTower") -> int:
    return jax.eval_shape(tower.apply, tower.shapes(), tower.example()).shape[-1]


def variables(params: Params, part: str) -> dict[str, Any]:
    """A part's parameters, its low-rank additions, and the token table that it may be tied to."""
    found = {"params": params[part]}
    added = params.get("adapters", {}).get(part)
    if added:
        found["adapters"] = added
    return found | _tied(params)


def _tied(params: Params) -> dict[str, Any]:
    """The token table, or the small tables that compose it."""
    tokens = params.get("tokens", {})
    if "embedding" in tokens:
        return {"tied": {"table": tokens["embedding"]}}
    small = {name: value for name, value in tokens.items() if name.startswith("table_")}
    return {"tied": small} if small else {}


def _created(
    part: Any, key: Array, params: Params, *inputs: Array, told: Extra | None = None
) -> tuple[Any, Params]:
    """A part's output and its fresh parameters; it may read the table that is there already."""
    given = _tied(params) | {"batch": told or {}}
    made, variables = part.apply(given, *inputs, rngs={"params": key}, mutable=["params"])
    return made, variables.get("params", {})


def _by_name(sown: Mapping[str, Any]) -> Extra:
    """What was sown anywhere, by its name: `[batch, places, ...]`, in the order of the modules."""
    found: dict[str, list[Array]] = {}
    for path, value in jax.tree_util.tree_flatten_with_path(dict(sown))[0]:
        name = [key.key for key in path if isinstance(key, jax.tree_util.DictKey)][-1]
        found.setdefault(name, []).append(value)
    return {name: jnp.stack(values, axis=1) for name, values in found.items()}


def initialised(network: Network, key: Array) -> Params:
    """Random parameters, by one compiled program instead of one for each parameter's shape."""
    return _initialiser(network)(key)


@functools.lru_cache(maxsize=64)
def _initialiser(network: Network):
    return jax.jit(network.init)
