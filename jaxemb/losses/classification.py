"""Losses over classes: of a pair, by a head of the loss's own, or of a text, by the network's."""

import dataclasses
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Float32, Int, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.heads import AbsoluteDifference, First, PairFeature, PairHead, Second
from jaxemb.losses.base import Columns, Loss, LossState, Term, column, row_weights, vectors


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairClassifier(Loss):
    r"""Which class a pair is of, by a linear map of features of both vectors.

    $$-\log \mathrm{softmax}(W [u; v; \lvert u - v \rvert] + b)_{y}$$

    $W$ and $b$ are the loss's own parameters; they are not part of the embedder.

    Columns: `query`, `positive`, and `label` `[rows]`, a whole number from 0; a row with a negative
    label does not count.

    Args:
        classes: how many classes there are.
        features: what the classifier sees.

    Raises:
        UsageError: fewer than 2 classes, or no feature.

    Example:
        >>> PairClassifier(classes=3)

    Reference: Conneau et al., InferSent, arXiv:1705.02364; Reimers and Gurevych, Sentence-BERT,
    arXiv:1908.10084.
    """

    classes: Annotated[int, AtLeast(1)]
    features: tuple[PairFeature, ...] = (First(), Second(), AbsoluteDifference())

    needs: ClassVar[tuple[str, ...]] = ("query", "positive", "label")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive")

    def __post_init__(self) -> None:
        if self.classes < 2 or not self.features:
            raise UsageError("PairClassifier needs at least 2 classes and one feature.")

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """`kernel` `[features, classes]`, drawn; `bias` `[classes]`, zero."""
        width = vectors(columns["query"]).shape[-1] * len(self.features)
        drawn = jax.nn.initializers.lecun_normal()(key, (width, self.classes), jnp.float32)
        return LossState({"kernel": drawn, "bias": jnp.zeros(self.classes)}, {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `class`."""
        u, v = (column(columns, n, "rows dim").astype(jnp.float32) for n in self.vectors)
        seen = jnp.concatenate([feature(u, v) for feature in self.features], axis=1)
        logits = seen @ state.params["kernel"] + state.params["bias"]
        return {"class": class_term(logits, columns)}, state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term, with the parameters that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeepPairClassifier(Loss):
    r"""Which class a pair is of, by a network over both vectors: $-\log\mathrm{softmax}(f(u, v))_y$.

    $f$ is a `PairHead` whose last layer gives one number for each class. Its parameters are the
    loss's own; they are not part of the embedder.

    Columns: `query`, `positive`, and `label` `[rows]`, a whole number from 0; a row with a negative
    label does not count.

    Args:
        head: both vectors to the logits of the classes.

    Example:
        >>> from jaxemb.heads import Chain, FeedForwardHead, Linear
        >>> deep = Chain(heads=(FeedForwardHead(dims=(512,)), Linear(dim=3)))
        >>> loss = DeepPairClassifier(head=PairHead(inner=deep))

    Reference: Conneau et al., InferSent, arXiv:1705.02364; Talman, Yli-Jyrä and Tiedemann,
    arXiv:1808.08762, without the dropout between the layers.
    """

    head: PairHead = dataclasses.field(default_factory=PairHead)

    needs: ClassVar[tuple[str, ...]] = PairClassifier.needs
    vectors: ClassVar[tuple[str, ...]] = PairClassifier.vectors

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """The head's parameters, drawn."""
        u, v = (jnp.zeros((1, vectors(columns[n]).shape[-1])) for n in self.vectors)
        return LossState(self.head.init(key, u, v)["params"], {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `class`."""
        u, v = (column(columns, n, "rows dim").astype(jnp.float32) for n in self.vectors)
        logits = self.head.apply({"params": state.params}, u, v)
        return {"class": class_term(logits, columns)}, state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term, with the parameters that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classification(Loss):
    r"""Which class a text is of, the network's vector being the logits: $-\log\mathrm{softmax}(x)_y$.

    Columns: `query` `[rows, classes]`, and `label` `[rows]`, a whole number from 0; a row with a
    negative label does not count.

    Example:
        >>> columns = {"query": jnp.zeros((1, 4)), "label": jnp.array([2])}
        >>> Classification()(columns, key=jax.random.key(0))["class"].value.round(4).tolist()
        [1.3862...]
    """

    needs: ClassVar[tuple[str, ...]] = ("query", "label")
    vectors: ClassVar[tuple[str, ...]] = ("query",)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `class`."""
        return {"class": class_term(column(columns, "query", "rows classes"), columns)}


def class_term(logits: Float[Array, "rows classes"], columns: Columns) -> Term:
    """The cross-entropy of the column `label`; a row with a negative label weighs 0."""
    label = column(columns, "label", "rows")
    weight = row_weights(columns, len(label)) * (label >= 0)
    return Term(cross_entropy(logits, label), weight)


def cross_entropy(
    logits: Float[Array, "*rows classes"], label: Int[Array, "*rows"]
) -> Float32[Array, "*rows"]:
    """$-\\log \\mathrm{softmax}(x)_y$; of a negative label, that of class 0."""
    picked = jnp.maximum(label, 0).astype(jnp.int32)[..., None]
    found = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    return -jnp.take_along_axis(found, picked, axis=-1)[..., 0]
