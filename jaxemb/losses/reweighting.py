"""How a target is set against its candidates: the plain softmax, and what is made of it."""

import dataclasses
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Float32, Int

from jaxemb.config import AtLeast, Below, Part, UsageError
from jaxemb.losses.base import LOWEST, TINY


def softmax_values(
    gaps: Float32[Array, "rows candidates"],
    target: Int[Array, " rows"],
    where: Bool[Array, "rows candidates"] | None = None,
) -> Float32[Array, " rows"]:
    """The logarithm of the sum of exp(gap) over `where`; 0 where nothing counts.

    Gaps are logits less the target's. The target stands apart in the sum, so that the small loss of
    a pair that is far ahead keeps its digits.
    """
    where = jnp.ones(gaps.shape, bool) if where is None else where
    at_target = target[:, None] == jnp.arange(gaps.shape[1])
    rest = jax.nn.logsumexp(jnp.where(where & ~at_target, gaps, LOWEST), axis=1)
    own = jnp.max(jnp.where(where & at_target, gaps, LOWEST), axis=1)
    return jnp.where(jnp.any(where, axis=1), jnp.logaddexp(own, rest), 0.0)


class Contest(NamedTuple):
    """The scores of one softmax: each row's target, and what it is set against.

    Attributes:
        logits: scores over temperature.
        scores: scores alone.
        temperature: what they are divided by.
        target: the target's column.
        negative: candidates that count; the pair's own score is not among them.
        positive: the pair's own score, once in each block that has it.
        own: hard negatives that were given for this very row.
    """

    logits: Float32[Array, "rows n"]
    scores: Float32[Array, "rows n"]
    temperature: Any
    target: Int[Array, " rows"]
    negative: Bool[Array, "rows n"]
    positive: Bool[Array, "rows n"]
    own: Bool[Array, "rows n"]

    def shifted(self, by: Float[Array, "rows n"], where: Bool[Array, "rows n"]) -> "Contest":
        """With some logits moved."""
        return self._replace(logits=self.logits + jnp.where(where, by, 0.0))

    @property
    def target_logit(self) -> Float32[Array, " rows"]:
        """The target's logit."""
        return jnp.take_along_axis(self.logits, self.target[:, None], axis=1)[:, 0]

    @property
    def gaps(self) -> Float32[Array, "rows n"]:
        """Logits less the target's."""
        return self.logits - self.target_logit[:, None]

    @property
    def target_score(self) -> Float32[Array, " rows"]:
        """The pair's own score."""
        return jnp.take_along_axis(self.scores, self.target[:, None], axis=1)[:, 0]


class Reweighting(Part):
    """Slot: `contest -> values`, one for each row."""

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The row's loss."""
        raise TypeError(f"{type(self).__name__} must define __call__(contest)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Softmax(Reweighting):
    r"""The plain softmax: $-\frac{s_{ii}}{\tau} + \log \sum_{j \in C_i} \exp\frac{s_{ij}}{\tau}$."""

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """Target and candidates in one sum."""
        where = contest.negative | contest.positive
        return softmax_values(contest.gaps, contest.target, where)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoupled(Reweighting):
    r"""The softmax whose sum leaves the target out.

    $$-\frac{s_{ii}}{\tau} + \log \sum_{j \in C_i, j \ne i} \exp\frac{s_{ij}}{\tau}$$

    Its gradient does not fade as the pair agrees; a row without a candidate has the value 0.

    Example:
        >>> InfoNCE(reweighting=Decoupled(), temperature=0.1)

    Reference: Yeh et al., Decoupled Contrastive Learning, arXiv:2110.06848.
    """

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """Candidates alone in the sum."""
        return softmax_values(contest.gaps, contest.target, contest.negative)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Debiased(Reweighting):
    r"""The softmax over candidates of which a share are answers that nobody marked.

    $$-\log \frac{e^{s_{ii}/\tau}}{e^{s_{ii}/\tau} + N g}, \quad
    g = \max\Big(\frac{\frac{1}{N}\sum_j e^{s_{ij}/\tau} - \tau^{+} e^{s_{ii}/\tau}}
    {1 - \tau^{+}}, e^{-m/\tau}\Big)$$

    over the $N$ candidates of the row. $m$ is the largest score a cosine can have, 1: at any other
    similarity the floor only keeps the logarithm defined.

    Args:
        positives: $\tau^{+}$, the share of answers among the candidates.

    Raises:
        UsageError: `positives` is no share below 1.

    Example:
        >>> InfoNCE(reweighting=Debiased(positives=0.05), temperature=0.5)

    Reference: Chuang et al., Debiased Contrastive Learning, arXiv:2007.00224.
    """

    positives: Annotated[float, AtLeast(0), Below(1)] = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.positives < 1:
            raise UsageError(f"positives={self.positives} must be at least 0 and below 1.")

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """All relative to the target's logit and the largest, so that nothing overflows."""
        target = contest.target_logit
        count = jnp.sum(contest.negative, axis=1)
        gaps = jnp.where(contest.negative, contest.logits - target[:, None], LOWEST)
        largest = jax.lax.stop_gradient(jnp.maximum(jnp.max(gaps, axis=1), 0.0))
        mean = jnp.sum(jnp.exp(gaps - largest[:, None]), axis=1) / jnp.maximum(count, 1)
        left = (mean - self.positives * jnp.exp(-largest)) / (1 - self.positives)
        floor = jnp.exp(jnp.minimum(-1 / contest.temperature - target - largest, 0.0))
        left = jnp.maximum(jnp.maximum(left, floor), TINY)
        found = jnp.log(left) + jnp.log(jnp.maximum(count, 1)) + largest
        return jnp.where(count > 0, jax.nn.softplus(found), 0.0)
