"""What every network is: a batch's columns in, what a loss reads of them out."""

import abc
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxemb.config import check_whole
from jaxemb.losses import Embedded, Reading
from jaxemb.model.batches import Params
from jaxemb.model.start import Start

Keys = Mapping[str, Key[Array, "rows ..."]]


class Network(Start, abc.ABC):
    """One tower or several, as pure functions of parameters that are passed in."""

    @property
    def network(self) -> "Network":
        """Itself."""
        return self

    @property
    @abc.abstractmethod
    def by_name(self) -> Mapping[str, Any]:
        """The towers by name; one alone is called `""`."""

    @abc.abstractmethod
    def name_of(self, column: str) -> str:
        """The name of the tower that reads a column, or a text in a role such as `"query"`."""

    def tower_of(self, column: str) -> Any:
        """The tower that reads a column."""
        return self.by_name[self.name_of(column)]

    @property
    def reads_prompt(self) -> bool:
        """Whether batches of texts have to say which tokens are the prompt's."""
        return False

    @abc.abstractmethod
    def params_of(self, params: Params, name: str) -> Params:
        """The parameters of the tower of this name, shared ones included."""

    @abc.abstractmethod
    def init(self, key: Array) -> Params:
        """Random parameters, a plain nested dict."""

    @abc.abstractmethod
    def truncated(self, layers: int) -> "Network":
        """The same network with only its first layers; it reads the same parameters."""

    @abc.abstractmethod
    def checkpointed(self) -> "Network":
        """The same network that keeps less for its backward pass; it reads the same parameters."""

    def embed(
        self,
        params: Params,
        inputs: Mapping[str, Any],
        reads: Mapping[str, Reading],
        keys: Keys | None = None,
    ) -> dict[str, Embedded]:
        """What is asked of each column, rows first.

        Args:
            inputs: columns such as a `TextBatch`, `[rows, ...]` or `[rows, k, ...]`.
            reads: what is asked, by column.
            keys: one for each text, by column, switch dropout on.
        """
        found: dict[str, Embedded] = {}
        for names in _alike(self, inputs, reads):
            tower = self.name_of(names[0])
            own = self.params_of(params, tower)
            read, network = reads[names[0]], self.by_name[tower]

            def call(batch: Any, keys: Any, read=read, network=network, own=own) -> Embedded:
                return read(network, own, batch, keys)

            found |= together(call, {n: inputs[n] for n in names}, keys)
        return found

    def shapes(self) -> Params:
        """The parameters' shapes and dtypes, without computing anything; each network is traced once."""
        return _shapes(self)


@functools.lru_cache(maxsize=256)
def _shapes(network: Network) -> Params:
    check_whole(network)
    return jax.eval_shape(network.init, jax.random.key(0))


def _alike(
    network: Network, inputs: Mapping[str, Any], reads: Mapping[str, Reading]
) -> list[list[str]]:
    """Columns that one call can embed: of one tower, one reading, and one shape of text."""
    groups: dict[Any, list[str]] = {}
    for name, x in inputs.items():
        depth = len(x.lead)
        shapes = tuple((leaf.shape[depth:], leaf.dtype) for leaf in jax.tree.leaves(x))
        mark = (network.name_of(name), reads[name], jax.tree.structure(x), shapes)
        groups.setdefault(mark, []).append(name)
    return list(groups.values())


def together(
    call: Callable[[Any, Any], Embedded], columns: Mapping[str, Any], keys: Keys | None
) -> dict[str, Embedded]:
    """Columns of one shape in one call, `[rows, texts, ...]` flattened.

    A row's texts stand side by side, so that a sharded row stays on its device.
    """
    names = list(columns)
    rows = columns[names[0]].lead[0]
    counts = [int(np.prod(columns[name].lead[1:], dtype=int)) for name in names]
    leads = [len(columns[name].lead) for name in names]
    wide = [
        jax.tree.map(lambda x, d=depth, c=count: x.reshape(rows, c, *x.shape[d:]), columns[name])
        for name, depth, count in zip(names, leads, counts, strict=True)
    ]
    joined = jax.tree.map(lambda *x: jnp.concatenate(x, axis=1), *wide)
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), joined)
    each = None
    if keys is not None:
        each = jnp.concatenate([keys[name].reshape(rows, -1) for name in names], axis=1).reshape(-1)
    read = call(flat, each)
    read = jax.tree.map(lambda x: x.reshape(rows, -1, *x.shape[1:]), read)
    found, start = {}, 0
    for name, count in zip(names, counts, strict=True):
        part = jax.tree.map(lambda x, a=start, b=start + count: x[:, a:b], read)
        found[name] = _as_column(part, columns[name])
        start += count
    return found


def _as_column(part: Embedded, column: Any) -> Embedded:
    """`[rows, texts, ...]` in the shape of the column; absent texts of a row are not real."""
    found = jax.tree.map(lambda x: x.reshape(*column.lead, *x.shape[2:]), part)
    if len(column.lead) > 1 and found.real is None and hasattr(column, "mask"):
        return found._replace(real=jnp.any(jnp.asarray(column.mask), axis=-1))
    return found
