"""Hidden states to the logits of a vocabulary: what a language model predicts tokens with."""

import abc
import dataclasses
from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32

from jaxemb.config import Above, Between, Part, UsageError
from jaxemb.nn import Activation, Dense, ExactGELU, LayerNorm, Norm
from jaxemb.tokens.codes import composed_logits


class StateTransform(nn.Module, Part, abc.ABC):
    """Slot: what becomes of a hidden state before it is compared with the tokens' rows."""

    @abc.abstractmethod
    def __call__(
        self, states: Float[Array, "*batch width"], *, dim: int
    ) -> Float[Array, "*batch dim"]:
        """States of `dim` numbers, as many as a row of the token table has."""


class Unchanged(StateTransform, kw_only=True):
    """The state itself.

    Raises:
        UsageError: it is not as wide as a row of the token table.
    """

    def __call__(
        self, states: Float[Array, "*batch width"], *, dim: int
    ) -> Float[Array, "*batch width"]:
        if states.shape[-1] != dim:
            raise UsageError(
                f"The states are {states.shape[-1]} wide and the token table {dim}: give the output "
                "a transform, such as transform=normed_layer."
            )
        return states


class NormedLayer(StateTransform, kw_only=True):
    """`norm(a(W h + b))`: the layer before the logits of a masked language model.

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    activation: Activation = ExactGELU()
    norm: Norm = dataclasses.field(default_factory=lambda: LayerNorm(epsilon=1e-12))

    @nn.compact
    def __call__(
        self, states: Float[Array, "*batch width"], *, dim: int
    ) -> Float[Array, "*batch dim"]:
        return self.norm(self.activation(Dense(features=dim, name="dense")(states)))


class Output(nn.Module, Part, abc.ABC):
    """Slot: hidden states to logits, `[..., width] -> [..., vocabulary]`, in float32.

    The token table is read from the collection `tied`, as `table [vocabulary, dim]`: nothing that
    is in it is among the parameters of the output.
    """

    @abc.abstractmethod
    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        """Logits of every token of the vocabulary."""

    def table(self) -> Float[Array, "vocabulary dim"]:
        """The token table.

        Raises:
            ValueError: the collection `tied` was not given.
        """
        if not self.has_variable("tied", "table"):
            raise ValueError(
                f"{type(self).__name__} reads the token table: apply it with "
                "{'tied': {'table': params['tokens']['embedding']}} among its variables."
            )
        return self.get_variable("tied", "table")


class LanguageModelHead(Output, kw_only=True):
    """Products with the rows of the token table, `logits = s E t(h)`.

    Attributes:
        transform: `t`.
        logit_scale: `s`.

    Example:
        >>> import jax
        >>> states, table = jnp.ones((1, 3, 4)), jnp.eye(6, 4)
        >>> LanguageModelHead().apply({"tied": {"table": table}}, states)[0, 0].tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0]

    Reference: Press and Wolf, Using the Output Embedding to Improve Language Models,
    arXiv:1608.05859.
    """

    transform: StateTransform = dataclasses.field(default_factory=Unchanged)
    logit_scale: Annotated[float, Above(0)] = 1.0

    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        table = self.table()
        states = self.transform(states, dim=table.shape[1])
        return self.logit_scale * _products(states, table)


class UntiedLanguageModelHead(Output, kw_only=True):
    """Products with rows of its own, `logits = s W t(h)`; parameter `embedding [vocabulary, width]`.

    It has as many rows, and as long ones, as the token table.

    Attributes:
        transform: `t`.
        logit_scale: `s`.
    """

    transform: StateTransform = dataclasses.field(default_factory=Unchanged)
    logit_scale: Annotated[float, Above(0)] = 1.0

    @nn.compact
    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        shape = self.table().shape
        table = self.param("embedding", nn.initializers.normal(shape[1] ** -0.5), shape)
        states = self.transform(states, dim=shape[1])
        return self.logit_scale * _products(states, table)


class ComposedLanguageModelHead(Output, kw_only=True):
    """Products with the vectors that small tables compose, `logits[i] = s ⟨t(h), x_i⟩`.

    For a network whose tokens are a `ComposedTable`: products with the tables' rows are gathered by
    the tokens' codes, and no whole table is ever made.

    Attributes:
        vocabulary: how many tokens there are; that of the network's `text`.
        transform: `t`.
        logit_scale: `s`.

    Example:
        >>> import jax
        >>> tables = {"table_0": jnp.eye(3, 2), "table_1": jnp.eye(3, 2)}
        >>> states = jnp.ones((1, 1, 4))
        >>> head = ComposedLanguageModelHead(vocabulary=9)
        >>> head.apply({"tied": tables}, states)[0, 0].tolist()
        [2.0, 2.0, 1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0]

    Reference: Jaiswal and Liu, Lightweight Adaptation of Neural Language Models via Subspace Embedding,
    arXiv:2308.08688.
    """

    vocabulary: Annotated[int, Between(1, 2**31)]
    transform: StateTransform = dataclasses.field(default_factory=Unchanged)
    logit_scale: Annotated[float, Above(0)] = 1.0

    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        tables = self.small_tables()
        states = self.transform(states, dim=sum(table.shape[1] for table in tables))
        return self.logit_scale * composed_logits(states, tables, self.vocabulary)

    def small_tables(self) -> list[Float[Array, "rows part"]]:
        """The tables that the network's tokens are composed of.

        Raises:
            UsageError: they are no `ComposedTable`.
        """
        count = 0
        while self.has_variable("tied", f"table_{count}"):
            count += 1
        if not count:
            raise UsageError(
                "ComposedLanguageModelHead reads the small tables of a ComposedTable, and the tokens "
                "of this network are none; take LanguageModelHead."
            )
        return [self.get_variable("tied", f"table_{k}") for k in range(count)]


class BiasedOutput(Output, kw_only=True):
    """`inner(h) + b`; parameter `bias [vocabulary]`, beside those of `inner`."""

    inner: Output = dataclasses.field(default_factory=LanguageModelHead)

    @nn.compact
    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        nn.share_scope(self, self.inner)
        logits = self.inner(states)
        return logits + self.param("bias", nn.initializers.zeros, logits.shape[-1:])


class SoftCappedOutput(Output, kw_only=True):
    """`c tanh(inner(h) / c)`: logits bent to lie within `cap`.

    Reference: Gemma Team, Gemma 2, arXiv:2408.00118.
    """

    inner: Output = dataclasses.field(default_factory=LanguageModelHead)
    cap: Annotated[float, Above(0)] = 30.0

    def __call__(self, states: Float[Array, "*batch width"]) -> Float32[Array, "*batch vocabulary"]:
        nn.share_scope(self, self.inner)
        return self.cap * jnp.tanh(self.inner(states) / self.cap)


def _products(states: Array, table: Array) -> Float32[Array, "*batch vocabulary"]:
    return jnp.einsum(
        "...d,vd->...v", states, table.astype(states.dtype), preferred_element_type=jnp.float32
    )
