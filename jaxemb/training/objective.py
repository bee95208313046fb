"""What is differentiated: embed a batch's columns, apply the loss, reduce over all devices."""

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float32, Key, Shaped

from jaxemb.losses import Embedded, Loss, LossState, Term, reduce, weights
from jaxemb.runtime import own_rows
from jaxemb.training.trainable import Everything, Trainable

Found = dict[str, Embedded]


class Examples(NamedTuple):
    """A device's rows: inputs to embed, the dropout keys of each, and everything else."""

    inputs: dict[str, Any]
    keys: dict[str, Key[Array, "rows ..."]]
    labels: dict[str, Shaped[Array, "rows ..."]]


class Moving(NamedTuple):
    """What a step changes by gradients: the network's parameters that move, and the loss's own."""

    network: Any
    loss: Any


class Value(NamedTuple):
    """The named parts of a loss, and the loss's memory for the next step."""

    parts: dict[str, Float32[Array, ""]]
    memory: Any


def examples(batch: dict[str, Any], loss: Loss, key: Key[Array, ""], axis: str | None) -> Examples:
    """A batch by kind. Texts that the loss does not read are left out."""
    inputs = {name: x for name, x in batch.items() if name in loss.reads}
    labels = {n: x for n, x in batch.items() if n not in inputs and not hasattr(x, "lead")}
    keys = {
        name: _input_keys(jax.random.fold_in(key, zlib.crc32(name.encode())), x.lead, axis)
        for name, x in inputs.items()
    }
    return Examples(inputs, keys, labels)


def _input_keys(
    key: Key[Array, ""], lead: tuple[int, ...], axis: str | None
) -> Key[Array, "rows ..."]:
    """A key for each input by its place in the global batch, the same on any layout of devices."""
    rows, *inner = lead
    places = own_rows(rows, axis)
    if inner:
        places = places[:, None] * inner[0] + jnp.arange(inner[0])
    keys = jax.vmap(lambda place: jax.random.fold_in(key, place))(places.reshape(-1))
    return keys.reshape(places.shape)


@dataclasses.dataclass(frozen=True)
class Objective:
    """The loss of a batch as a function of what moves, in two halves.

    Attributes:
        network: has `embed`.
        loss: reads what `embed` gives.
        trains: joins what moves and what is kept.
        axis: the device axis inside `pmap`; None where arrays are global.
        kept: the network's parameters that do not move.
        memory: the loss's, before this step.
        totals: the weight of each term over the whole batch, where the rows are a piece of one.
    """

    network: Any
    loss: Loss
    trains: Trainable = Everything()
    axis: str | None = None
    kept: Any = dataclasses.field(default_factory=dict)
    memory: Any = dataclasses.field(default_factory=dict)
    totals: Mapping[str, Float32[Array, ""]] | None = None

    def embed(self, network: Any, examples: Examples) -> Found:
        """What the loss reads of every column, rows first."""
        params = self.trains.join(network, self.kept)
        return self.network.embed(params, examples.inputs, self.loss.reads, examples.keys)

    def terms(
        self, loss: Any, found: Found, examples: Examples, key: Key[Array, ""]
    ) -> tuple[dict[str, Term], Any]:
        """The loss's terms of this device's rows, and its memory for the next step."""
        state = LossState(loss, self.memory)
        columns = {**examples.labels, **found}
        return self.loss.apply(state, columns, key=key, axis=self.axis)

    def value(
        self, loss: Any, found: Found, examples: Examples, key: Key[Array, ""]
    ) -> tuple[Float32[Array, ""], Value]:
        """The loss over all devices' rows; its terms and its memory.

        Args:
            loss: the loss's parameters.
            found: what `embed` gave.
        """
        terms, memory = self.terms(loss, found, examples, key)
        total, parts = reduce(terms, self.axis, self.totals)
        return total, Value(parts, jax.lax.stop_gradient(memory))

    def weights(
        self, moving: Moving, examples: Examples, key: Key[Array, ""]
    ) -> dict[str, Float32[Array, ""]]:
        """The weight of each term; where it depends on labels alone, nothing is embedded for it."""
        terms, _ = self.terms(moving.loss, self.embed(moving.network, examples), examples, key)
        return weights(terms, self.axis)
