"""Every pair of the batch as a question of yes or no, instead of a softmax over candidates."""

import dataclasses
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jaxemb.config import Above, check_ranges
from jaxemb.losses.base import Columns, Loss, LossState, Term
from jaxemb.losses.batch import by_role
from jaxemb.losses.blocks import QueryToDocument
from jaxemb.losses.candidates import Candidates, MaskDuplicates
from jaxemb.losses.similarity import Cosine, Similarity


@dataclasses.dataclass(frozen=True, kw_only=True)
class SigmoidPairs(Loss):
    r"""A pair's own score should be high, every other low, each by itself.

    $$\ell_i = -\log \sigma(e^{t} s_{ii} + b) - \sum_{j \ne i} \log \sigma(-e^{t} s_{ij} - b)$$

    with the trained numbers $t$ and $b$. No row's value depends on how many candidates there are
    but by its sum, so the loss needs no large batch.

    Columns: as `InfoNCE`, hard negatives included.

    Args:
        scale: $e^t$ before the first step.
        bias: $b$ before the first step: few pairs are answers.
        similarity: $s$.
        candidates: which other scores are questions at all.

    Raises:
        UsageError: `scale` is not positive.

    Example:
        >>> SigmoidPairs().init(jax.random.key(0), {}).params["bias"].item()
        -10.0

    Reference: Zhai et al., Sigmoid Loss for Language Image Pre-Training, arXiv:2303.15343.
    """

    scale: Annotated[float, Above(0)] = 10.0
    bias: float = -10.0
    similarity: Similarity = Cosine()
    candidates: Candidates = MaskDuplicates()

    needs: ClassVar[tuple[str, ...]] = ("query", "positive")
    vectors: ClassVar[tuple[str, ...]] = ("query", "positive", "negatives")

    __post_init__ = check_ranges

    def init(self, key: Key[Array, ""], columns: Columns) -> LossState:
        """`log_scale` and `bias`."""
        params = {"log_scale": jnp.log(jnp.float32(self.scale)), "bias": jnp.float32(self.bias)}
        return LossState(params, {})

    def apply(
        self, state: LossState, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> tuple[dict[str, Term], Any]:
        """The term `sigmoid`."""
        batch = by_role(columns, self.similarity.shape, axis, None)
        scores = QueryToDocument().scores(batch, self.similarity, self.candidates, key)
        logits = jnp.exp(state.params["log_scale"]) * scores.values + state.params["bias"]
        questions = jax.nn.softplus(jnp.where(scores.positive, -logits, logits))
        counts = scores.positive | scores.negative
        value = jnp.sum(jnp.where(counts, questions, 0.0), axis=1)
        return {"sigmoid": Term(value, batch.rows["query"].weight)}, state.memory

    def __call__(
        self, columns: Columns, *, key: Key[Array, ""], axis: str | None = None
    ) -> dict[str, Term]:
        """The term, with the scale and bias that it starts at."""
        return self.apply(self.init(key, columns), columns, key=key, axis=axis)[0]
