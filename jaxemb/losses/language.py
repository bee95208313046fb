"""Losses over a network's scores of the vocabulary: masked, causal, and from one vector."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import AtLeast, check_ranges
from jaxemb.losses.base import Columns, Loss, LossState, Term, column, row_weights, vectors
from jaxemb.losses.classification import cross_entropy
from jaxemb.losses.embedded import Embedded, Logits, Reading, embedded


class TokenLoss(Loss):
    """Base of losses that ask for one piece of the vocabulary at each of some tokens.

    The loss is the mean over all those tokens of the batch, so a row weighs as much as it has.
    """

    column: str = "query"

    @property
    def needs(self) -> tuple[str, ...]:
        """The column of texts."""
        return (self.column,)

    @property
    def vectors(self) -> tuple[str, ...]:
        """The column of texts."""
        return (self.column,)

    @property
    def reads(self) -> Mapping[str, Reading]:
        """The logits of the column."""
        return {self.column: Logits()}

    def asked(self, found: Embedded, columns: Columns) -> tuple[Array, Array]:
        """Logits `[rows, n, vocabulary]`, and targets `[rows, n]`, negative where none is asked."""
        raise TypeError(f"{type(self).__name__} must define asked(found, columns)")

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `token`."""
        column(columns, self.column, "rows tokens vocabulary")
        logits, targets = self.asked(embedded(columns[self.column]), columns)
        return {"token": token_term(cross_entropy(logits, targets), targets, columns)}

    def targets(self, columns: Columns) -> Array:
        """The column `<column>_targets` `[rows, tokens]`."""
        return column(columns, f"{self.column}_targets", "rows tokens")


def token_term(values: Array, targets: Array, columns: Columns) -> Term:
    """The mean over the tokens whose target is not negative."""
    real = targets >= 0
    count = jnp.sum(real, axis=1)
    value = jnp.sum(jnp.where(real, values, 0.0), axis=1) / jnp.maximum(count, 1)
    return Term(value, row_weights(columns, len(value)) * count)


def _real(found: Embedded) -> Array:
    return jnp.ones(found.vectors.shape[:2], bool) if found.real is None else found.real


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedLanguageModel(TokenLoss):
    r"""The pieces that were masked, from the logits at their places: $-\log p(x_t \mid \tilde x)$.

    Columns: the column of masked texts, read as logits, and `<column>_targets` `[rows, tokens]`: the
    piece that stood there, or a negative number where none was masked.

    Args:
        column: which texts.

    Example:
        >>> logits = Embedded(jnp.zeros((1, 2, 4)))
        >>> columns = {"query": logits, "query_targets": jnp.array([[-100, 3]])}
        >>> MaskedLanguageModel()(columns, key=jax.random.key(0))["token"].value.round(4).tolist()
        [1.3862...]

    Reference: Devlin et al., BERT, arXiv:1810.04805.
    """

    column: str = "query"

    @property
    def needs(self) -> tuple[str, ...]:
        """The texts and their targets."""
        return (self.column, f"{self.column}_targets")

    def asked(self, found: Embedded, columns: Columns) -> tuple[Array, Array]:
        """Where they stand; never at padding."""
        return found.vectors, jnp.where(_real(found), self.targets(columns), -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedNextToken(MaskedLanguageModel):
    r"""`MaskedLanguageModel` from the logits one place before: $-\log p(x_t)$ at $t - 1$.

    A causal model that sees both sides now keeps the alignment of its output layer.

    Example:
        >>> MaskedNextToken()

    Reference: BehnamGhader et al., LLM2Vec, arXiv:2404.05961.
    """

    def asked(self, found: Embedded, columns: Columns) -> tuple[Array, Array]:
        """One place before; the first piece is asked of nobody."""
        real = _real(found)
        targets = jnp.where(real[:, 1:] & real[:, :-1], self.targets(columns)[:, 1:], -1)
        return found.vectors[:, :-1], targets


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextToken(TokenLoss):
    r"""Causal language modelling: each piece from what stands before it, $-\log p(x_t \mid x_{<t})$.

    The pieces are those of the text itself. With the column `<column>_targets` `[rows, tokens]`
    only those are asked, at the places where they stand: an answer after its question, or the
    spans that were cut out, after the text that lacks them.

    Args:
        column: which texts.

    Example:
        >>> logits = Embedded(jnp.zeros((1, 3, 4)), jnp.array([[True, True, False]]))
        >>> logits = logits._replace(extra={"ids": jnp.array([[1, 2, 0]])})
        >>> term = NextToken()({"query": logits}, key=jax.random.key(0))["token"]
        >>> term.value.round(4).tolist(), term.weight.tolist()
        ([1.3862...], [1.0])
    """

    column: str = "query"

    def asked(self, found: Embedded, columns: Columns) -> tuple[Array, Array]:
        """From the place before, where both are real, whichever side is padded."""
        given = f"{self.column}_targets" in columns
        pieces = self.targets(columns) if given else found.extra["ids"]
        real = _real(found)
        targets = jnp.where(real[:, 1:] & real[:, :-1], pieces[:, 1:], -1)
        return found.vectors[:, :-1], targets


@dataclasses.dataclass(frozen=True, kw_only=True)
class BagOfWords(Loss):
    r"""A text's pieces from its one vector, whatever their order.

    $$-\frac{1}{|T|} \sum_{t \in T} \log \mathrm{softmax}(W x + b)_t$$

    $W$ and $b$ are the loss's own parameters: a decoder that cannot do anything by itself, so that
    the vector must hold the words.

    Columns: the column of texts, and `<column>_targets` `[rows, tokens]`, pieces; negative numbers
    are left out.

    Args:
        vocabulary: how many pieces there are.
        column: which texts.

    Raises:
        UsageError: `vocabulary` is below 2.

    Example:
        >>> BagOfWords(vocabulary=8000)

    Reference: Xiao and Liu, RetroMAE-2, arXiv:2211.08769.
    """

    vocabulary: Annotated[int, AtLeast(2)]
    column: str = "query"

    __post_init__ = check_ranges

    @property
    def needs(self) -> tuple[str, ...]:
        """The texts and their pieces."""
        return (self.column, f"{self.column}_targets")

    @property
    def vectors(self) -> tuple[str, ...]:
        """The texts."""
        return (self.column,)

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """`kernel` `[width, vocabulary]`, drawn, and `bias`, zero."""
        width = vectors(columns[self.column]).shape[-1]
        drawn = jax.nn.initializers.lecun_normal()(key, (width, self.vocabulary), jnp.float32)
        return LossState({"kernel": drawn, "bias": jnp.zeros(self.vocabulary)}, {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `token`."""
        x = column(columns, self.column, "rows dim").astype(jnp.float32)
        found = jax.nn.log_softmax(x @ state.params["kernel"] + state.params["bias"])
        targets = column(columns, f"{self.column}_targets", "rows tokens").astype(jnp.int32)
        values = -jnp.take_along_axis(found, jnp.maximum(targets, 0), axis=1)
        return {"token": token_term(values, targets, columns)}, state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term, with the parameters that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]
