"""Losses of vectors that are made of several, and of vectors behind a head of the loss's own."""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float32, Key

from jaxemb.config import Part, UsageError
from jaxemb.heads import Activated, Chain, Head, Linear
from jaxemb.losses.base import LOWEST, Columns, Loss, LossState, Term
from jaxemb.losses.embedded import Embedded, embedded
from jaxemb.losses.wrapper import Wrapper


class Composer(Part):
    """Slot: several vectors of a row to one, `[rows, items, dim] -> [rows, dim]`."""

    @abc.abstractmethod
    def __call__(
        self, vectors: Float[Array, "rows items dim"], real: Bool[Array, "rows items"]
    ) -> Float32[Array, "rows dim"]:
        """One vector of each row's real items; zero where a row has none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemMean(Composer):
    r"""The mean of a row's items, $\frac1k \sum_j x_j$.

    Example:
        >>> ItemMean()(jnp.array([[[1.0], [3.0]]]), jnp.ones((1, 2), bool)).tolist()
        [[2.0]]

    Reference: Giorgi et al., DeCLUTR, arXiv:2006.03659.
    """

    def __call__(
        self, vectors: Float[Array, "rows items dim"], real: Bool[Array, "rows items"]
    ) -> Float32[Array, "rows dim"]:
        total = jnp.sum(jnp.where(real[..., None], vectors.astype(jnp.float32), 0.0), axis=1)
        return total / jnp.maximum(jnp.sum(real, axis=1), 1)[:, None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemMax(Composer):
    """The largest of each number over a row's items.

    Example:
        >>> ItemMax()(jnp.array([[[1.0, 4.0], [3.0, 2.0]]]), jnp.ones((1, 2), bool)).tolist()
        [[3.0, 4.0]]
    """

    def __call__(
        self, vectors: Float[Array, "rows items dim"], real: Bool[Array, "rows items"]
    ) -> Float32[Array, "rows dim"]:
        seen = jnp.where(real[..., None], vectors.astype(jnp.float32), LOWEST)
        return jnp.where(jnp.any(real, axis=1)[:, None], jnp.max(seen, axis=1), 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemSlices(Composer):
    """Of the first item the first numbers, of the last item the last: one slice of each.

    With two items, the first half of one and the second half of the other. The order of the items
    matters. A slice whose item is not real is zero.

    Example:
        >>> ItemSlices()(jnp.array([[[1.0, 2.0], [3.0, 4.0]]]), jnp.ones((1, 2), bool)).tolist()
        [[1.0, 4.0]]

    Reference: Chanchani and Huang, Composition-contrastive Learning for Sentence Embeddings,
    arXiv:2307.07380.
    """

    def __call__(
        self, vectors: Float[Array, "rows items dim"], real: Bool[Array, "rows items"]
    ) -> Float32[Array, "rows dim"]:
        items, dim = vectors.shape[1:]
        slices = np.array_split(np.arange(dim), items)
        owner = np.repeat(np.arange(items), [len(one) for one in slices])
        seen = jnp.where(real[..., None], vectors.astype(jnp.float32), 0.0)
        return seen[:, owner, np.arange(dim)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Composed(Wrapper):
    """The inner loss, with the several vectors of one column made one: a row's parts, its positives.

    The vectors are those that the embedder gives; a head that belongs to the loss alone, such as
    `Headed`, goes inside, so that it sees the composed vector.

    Args:
        inner: any loss over vectors.
        composer: how several become one.
        column: whose vectors are `[rows, items, dim]`.

    Raises:
        UsageError: the column does not have several vectors in each row.

    Example:
        >>> loss = Composed(inner=InfoNCE(temperature=1.0), composer=ItemMean())
        >>> columns = {"query": jnp.eye(2), "positive": jnp.eye(2)[:, None]}
        >>> round(float(reduce(loss(columns, key=jax.random.key(0)))[0]), 4)
        0.3133
    """

    inner: Loss
    composer: Composer = ItemMean()
    column: str = "positive"

    def variants(self, columns: Columns, key: Key[Array, ""]) -> dict[str, Columns]:
        """The columns with one vector in each row of `column`, under `composed`."""
        found = embedded(columns[self.column])
        if found.vectors.ndim != 3:
            raise UsageError(
                f"Composed reads several vectors in each row of {self.column!r}, [rows, items, dim], "
                f"and its shape is {found.vectors.shape}."
            )
        real = jnp.ones(found.vectors.shape[:2], bool) if found.real is None else found.real
        one = Embedded(self.composer(found.vectors, real))
        return {"composed": {**columns, self.column: one}}


def _tanh_layer() -> Head:
    return Chain(heads=(Linear(dim=384), Activated()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Headed(Wrapper):
    r"""The inner loss of what a head of the loss's own makes of the vectors, such as $\tanh(Wx + b)$.

    The head is trained with the loss and is gone afterwards: the model returns the vectors before
    it. `Projected` is the linear one.

    Args:
        inner: any loss over vectors.
        head: applied to the vectors of every column.

    Example:
        >>> Headed(inner=InfoNCE(), head=Chain(heads=(Linear(dim=64), Activated())))

    Reference: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations,
    arXiv:2002.05709; Gao et al., SimCSE, arXiv:2104.08821.
    """

    inner: Loss
    head: Head = dataclasses.field(default_factory=_tanh_layer)

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The head's parameters, beside the inner loss's."""
        own, inner_key = jax.random.split(key)
        params = self.head.init(own, jnp.ones((1, self.width(columns)))).get("params", {})
        shapes = jax.eval_shape(lambda c: self._mapped(params, c), dict(columns))
        inner = self.inner.init(inner_key, shapes)
        return LossState({"head": params, "inner": inner.params}, inner.memory)

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The inner loss's terms."""
        inner = LossState(state.params["inner"], state.memory)
        seen = self._mapped(state.params["head"], columns)
        return self.inner.apply(inner, seen, key=key, axis=axis)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the head that it starts with."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def _mapped(self, params: Any, columns: Columns) -> dict[str, Any]:
        return self.changed(
            columns, lambda x: self.head.apply({"params": params}, x.astype(jnp.float32))
        )
