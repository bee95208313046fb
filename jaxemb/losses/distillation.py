"""Losses that copy a teacher: its margins, its distribution over documents, or its vectors."""

import dataclasses
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Key

from jaxemb.config import AtLeast, UsageError, check_ranges
from jaxemb.losses.base import LOWEST, Columns, Loss, LossState, Term, row_weights
from jaxemb.losses.embedded import embedded
from jaxemb.losses.scores import Compared, Scored, Scorer
from jaxemb.losses.similarity import Cosine, Dot, Similarity
from jaxemb.losses.wrapper import Wrapper

TEXTS = ("query", "positive", "negatives")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarginDistillation(Scored):
    r"""How much further the positive is ahead of a negative than it is for the teacher, squared.

    $$\ell_i = \frac{1}{k} \sum_j \big( (s_{i0} - s_{ij}) - (t_{i0} - t_{ij}) \big)^2$$

    A row without a negative does not count.

    Columns: the scorer's, and `score` `[rows, 1 + k]`: the teacher's $t$ of the positive and then of
    the negatives.

    Args:
        scores: makes $s$.

    Example:
        >>> MarginDistillation()

    Reference: Hofstätter et al., Improving Efficient Neural Ranking Models with Cross-Architecture
    Knowledge Distillation, arXiv:2010.02666.
    """

    scores: Scorer = Compared(similarity=Dot())

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `margin`."""
        found, real = self.scores(columns)
        teacher = self.wanted(columns, found.shape[1])
        errors = (_margins(found) - _margins(teacher)) ** 2
        return {"margin": _mean_term(errors, real[:, 1:] & real[:, :1], columns)}


def _margins(scores: Float32[Array, "rows documents"]) -> Float32[Array, "rows negatives"]:
    return scores[:, :1] - scores[:, 1:]


def _mean_term(values: Array, real: Array, columns: Columns) -> Term:
    count = jnp.sum(real, axis=1)
    value = jnp.sum(jnp.where(real, values, 0.0), axis=1) / jnp.maximum(count, 1)
    return Term(value, row_weights(columns, len(value)) * (count > 0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreDistillation(Scored):
    r"""The teacher's distribution over a row's own documents.

    $$\ell_i = T^2 \, \mathrm{KL}\big(\mathrm{softmax}(t_i / T) \,\Vert\,
    \mathrm{softmax}(s_i / T)\big)$$

    Columns: the scorer's, and `score` `[rows, documents]`: the teacher's $t$, in the order of the
    positive and the negatives. A row with one document does not count.

    Args:
        scores: makes $s$; its own temperature sets the student's scale beside the teacher's.
        temperature: $T$; both are flattened by it.

    Raises:
        UsageError: `temperature` is not positive.

    Example:
        >>> ScoreDistillation(scores=Compared(temperature=0.01))

    Reference: Hinton et al., Distilling the Knowledge in a Neural Network, arXiv:1503.02531; Wang et
    al., Text Embeddings by Weakly-Supervised Contrastive Pre-training, arXiv:2212.03533.
    """

    scores: Scorer = Compared(similarity=Dot())
    temperature: Annotated[float, AtLeast(1e-6)] = 1.0

    __post_init__ = check_ranges

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `divergence`."""
        found, real = self.scores(columns)
        teacher = self.wanted(columns, found.shape[1])
        value = self.temperature**2 * divergence(
            teacher / self.temperature, found / self.temperature, real
        )
        weight = row_weights(columns, len(value)) * (jnp.sum(real, axis=1) > 1)
        return {"divergence": Term(value, weight)}


def divergence(
    teacher: Float[Array, "rows n"], student: Float[Array, "rows n"], real: Bool[Array, "rows n"]
) -> Float32[Array, " rows"]:
    """KL divergence of the student's softmax from the teacher's, over what is real."""
    target = jax.nn.log_softmax(jnp.where(real, teacher, LOWEST), axis=-1)
    guess = jax.nn.log_softmax(jnp.where(real, student, LOWEST), axis=-1)
    return jnp.sum(jnp.where(real, jnp.exp(target) * (target - guess), 0.0), axis=-1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorDistillation(Loss):
    r"""A text's vector should be the teacher's: the distance $d(x, t)$, averaged over a row's texts.

    Columns: any of `query`, `positive` and `negatives` that have the teacher's vectors beside them
    in `query_teacher`, `positive_teacher` and `negatives_teacher`, of the same shape. Where the
    teacher has another width, put `Projected(inner=..., dim=...)` around.

    Args:
        similarity: its distance is $d$: `Cosine()`, `Euclidean()`, `MeanSquare()`.

    Raises:
        UsageError: no column has a teacher, or its vectors have another shape.

    Example:
        >>> columns = {"query": jnp.eye(2), "query_teacher": jnp.eye(2)[::-1]}
        >>> VectorDistillation()(columns, key=jax.random.key(0))["distance"].value.tolist()
        [1.0, 1.0]

    Reference: Reimers and Gurevych, Making Monolingual Sentence Embeddings Multilingual using
    Knowledge Distillation, arXiv:2004.09813; Zhang et al., Jasper and Stella, arXiv:2412.19048.
    """

    similarity: Similarity = Cosine()

    needs: ClassVar[tuple[str, ...]] = ("query",)
    vectors: ClassVar[tuple[str, ...]] = TEXTS

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term `distance`."""
        taught = with_teacher(columns, self)
        found = [self._distances(columns, name) for name in taught]
        values, real = (jnp.concatenate(part, axis=1) for part in zip(*found, strict=True))
        return {"distance": _mean_term(values, real, columns)}

    def _distances(self, columns: Columns, name: str) -> tuple[Array, Array]:
        student = embedded(columns[name])
        teacher = jax.lax.stop_gradient(columns[f"{name}_teacher"])
        if student.vectors.shape != teacher.shape:
            raise UsageError(
                f"{name!r} has the shape {student.vectors.shape} and its teacher {teacher.shape}; "
                "Projected(inner=VectorDistillation(), dim=...) maps one to the other."
            )
        flat, wanted = (
            x.reshape(-1, 1, x.shape[-1]).astype(jnp.float32) for x in (student.vectors, teacher)
        )
        scores = self.similarity.paired(flat[:, 0], wanted)
        values = self.similarity.distance(scores).reshape(len(teacher), -1)
        real = jnp.ones(values.shape, bool)
        return values, real if student.real is None else student.real.reshape(values.shape)


def with_teacher(columns: Columns, loss: Loss) -> list[str]:
    """The columns of texts that have a teacher's vectors beside them."""
    found = [name for name in TEXTS if name in columns and f"{name}_teacher" in columns]
    if not found:
        raise UsageError(
            f"{type(loss).__name__} reads a teacher's vectors in columns such as 'query_teacher', "
            f"and there are {', '.join(columns)}."
        )
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Projected(Wrapper):
    r"""The inner loss of vectors that a trained linear map has taken to another width: $Wx + b$.

    The map is the loss's own, one for all columns; the embedder keeps its width.

    Args:
        inner: any loss over vectors.
        dim: the width that the inner loss sees.

    Raises:
        UsageError: `dim` is below 1.

    Example:
        >>> Projected(inner=VectorDistillation(), dim=1024)
    """

    inner: Loss
    dim: Annotated[int, AtLeast(1)]

    __post_init__ = check_ranges

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """`kernel` `[width, dim]`, drawn, and `bias` `[dim]`, zero; beside the inner loss's."""
        own, inner_key = jax.random.split(key)
        shape = (self.width(columns), self.dim)
        params = {
            "kernel": jax.nn.initializers.lecun_normal()(own, shape, jnp.float32),
            "bias": jnp.zeros(self.dim),
        }
        shapes = jax.eval_shape(lambda c: self._mapped(params, c), dict(columns))
        inner = self.inner.init(inner_key, shapes)
        return LossState({"map": params, "inner": inner.params}, inner.memory)

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The inner loss's terms."""
        inner = LossState(state.params["inner"], state.memory)
        seen = self._mapped(state.params["map"], columns)
        return self.inner.apply(inner, seen, key=key, axis=axis)

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The terms, with the map that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]

    def _mapped(self, params: Any, columns: Columns) -> dict[str, Any]:
        return self.changed(
            columns, lambda x: x.astype(jnp.float32) @ params["kernel"] + params["bias"]
        )
