"""Candidates and rows that count more or less by how hard they are."""

import dataclasses
from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32

from jaxemb.config import AtLeast, Part, check_ranges
from jaxemb.losses.base import LOWEST
from jaxemb.losses.reweighting import Contest, Reweighting, Softmax


class Selection(Part):
    """Slot: which of a row's candidates are meant, `contest -> Bool[rows, n]`."""

    def __call__(self, contest: Contest) -> Bool[Array, "rows n"]:
        """True where a candidate is meant."""
        raise TypeError(f"{type(self).__name__} must define __call__(contest)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllNegatives(Selection):
    """Every candidate but the target."""

    def __call__(self, contest: Contest) -> Bool[Array, "rows n"]:
        """Not the pair's own score."""
        return contest.negative


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnNegatives(Selection):
    """The hard negatives that were given for the row."""

    def __call__(self, contest: Contest) -> Bool[Array, "rows n"]:
        """The row's own."""
        return contest.negative & contest.own


@dataclasses.dataclass(frozen=True, kw_only=True)
class InBatchNegatives(Selection):
    """The texts of other rows, their hard negatives among them."""

    def __call__(self, contest: Contest) -> Bool[Array, "rows n"]:
        """Not the row's own."""
        return contest.negative & ~contest.own


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardnessWeighted(Reweighting):
    r"""Candidates count the more, the more alike they are: each is multiplied by a constant.

    $$w_{ij} = \exp(\alpha \, \mathrm{sg}(s_{ij}))$$

    Args:
        strength: $\alpha$; 0 gives the inner loss.
        among: which candidates are weighted.
        inner: what the weighted candidates go into.

    Raises:
        UsageError: `strength` is negative.

    Example:
        >>> InfoNCE(reweighting=HardnessWeighted(strength=5.0, among=OwnNegatives()))

    Reference: Lan et al., LLaVE, arXiv:2503.04812; Schechter Vera et al., EmbeddingGemma,
    arXiv:2509.20354.
    """

    strength: Annotated[float, AtLeast(0)] = 5.0
    among: Selection = AllNegatives()
    inner: Reweighting = Softmax()

    __post_init__ = check_ranges

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The inner loss of moved logits."""
        by = self.strength * jax.lax.stop_gradient(contest.scores)
        return self.inner(contest.shifted(by, self.among(contest)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Concentrated(Reweighting):
    r"""Candidates are drawn towards the row: an importance weight whose mean over them is 1.

    $$w_{ij} = \frac{N e^{\beta s_{ij} / \tau}}{\sum_k e^{\beta s_{ik} / \tau}}$$

    with its gradient. Around `Debiased` it is the loss of the reference.

    Args:
        strength: $\beta$; 0 gives the inner loss.
        inner: what the weighted candidates go into.

    Raises:
        UsageError: `strength` is negative.

    Example:
        >>> InfoNCE(reweighting=Concentrated(strength=1.0, inner=Debiased(positives=0.1)))

    Reference: Robinson et al., Contrastive Learning with Hard Negative Samples, arXiv:2010.04592.
    """

    strength: Annotated[float, AtLeast(0)] = 1.0
    inner: Reweighting = Softmax()

    __post_init__ = check_ranges

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The inner loss of moved logits."""
        power = jnp.where(contest.negative, self.strength * contest.logits, LOWEST)
        count = jnp.maximum(jnp.sum(contest.negative, axis=1, keepdims=True), 1)
        mean = jax.nn.logsumexp(power, axis=1, keepdims=True) - jnp.log(count)
        return self.inner(contest.shifted(power - mean, contest.negative))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Focal(Reweighting):
    r"""Rows that are answered already count less: $\mathrm{sg}((1 - p_i)^\gamma) \ell_i$.

    $p_i = e^{-\ell_i}$ is the share that the softmax gives the target.

    Args:
        gamma: $\gamma$; 0 gives the inner loss.
        inner: makes $\ell$.

    Raises:
        UsageError: `gamma` is negative.

    Example:
        >>> InfoNCE(reweighting=Focal(gamma=0.5), temperature=0.01)

    Reference: Lin et al., Focal Loss for Dense Object Detection, arXiv:1708.02002; for embeddings,
    KaLM-Embedding-V2, arXiv:2506.20923 (whether its weight has a gradient is unconfirmed).
    """

    gamma: Annotated[float, AtLeast(0)] = 0.5
    inner: Reweighting = Softmax()

    __post_init__ = check_ranges

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The inner values, weighted by a constant."""
        values = self.inner(contest)
        missed = jnp.clip(-jnp.expm1(-values), 0.0, 1.0)
        return jax.lax.stop_gradient(missed**self.gamma) * values


@dataclasses.dataclass(frozen=True, kw_only=True)
class BelowTarget(Reweighting):
    r"""Candidates that score clearly above the target are left out: they are likely answers.

    Left out are those with $s_{ij} > s_{ii} + m$.

    Args:
        margin: $m$.
        inner: what the rest goes into.

    Example:
        >>> InfoNCE(reweighting=BelowTarget(margin=0.1))

    Reference: Zhang et al., Qwen3 Embedding, arXiv:2506.05176.
    """

    margin: float = 0.1
    inner: Reweighting = Softmax()

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The inner loss of the candidates that are left."""
        highest = (contest.target_score + self.margin)[:, None]
        return self.inner(contest._replace(negative=contest.negative & (contest.scores <= highest)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdditiveMargin(Reweighting):
    r"""The target must win by a margin: its score is lowered to $s_{ii} - m$.

    Args:
        margin: $m$, in units of the score.
        inner: the loss of the lowered score.

    Example:
        >>> InfoNCE(reweighting=AdditiveMargin(margin=0.3))

    Reference: Yang et al., Improving Multilingual Sentence Embedding using Bi-directional Dual
    Encoder with Additive Margin Softmax, arXiv:1902.08564.
    """

    margin: float = 0.3
    inner: Reweighting = Softmax()

    def __call__(self, contest: Contest) -> Float32[Array, " rows"]:
        """The inner loss of moved logits."""
        by = jnp.full_like(contest.logits, -self.margin) / contest.temperature
        return self.inner(contest.shifted(by, contest.positive))
