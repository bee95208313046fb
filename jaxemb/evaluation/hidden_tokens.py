"""How well a network that predicts tokens tells those that are hidden from it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float32, Int32

from jaxemb.config import Above, AtLeast, AtMost, UsageError, smaller
from jaxemb.data.masking import mask_piece
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.rank import Background, PairTexts
from jaxemb.model import Model
from jaxemb.statistics.result import Result
from jaxemb.text import TextBatch, group_by_length, pad
from jaxemb.vectors.cache import Embed

NOBODY = -1
"""A target that is not asked for."""


@dataclass(frozen=True, kw_only=True)
class HiddenTokens(Task):
    r"""Tokens of texts are hidden, and predicted from the scores of the network's `output`.

    $$\text{cross-entropy} = -\frac{1}{n} \sum_i \log p(x_i \mid \tilde x)$$

    over the $n$ hidden tokens; `accuracy` is the share of them that have the highest score. Every
    hidden token becomes the mask, a text has at least one, and marks at its ends are never hidden.
    Which ones are hidden depends on the text's place in `data` and on `seed` alone. Each token is an
    example, and the tokens of a text are one cluster. Models can be compared where they cut texts into
    the same pieces.

    Args:
        share: of a text's tokens that are hidden.
        max_tokens: cut texts here; None is the model's own limit.
        sample: the most texts, the first ones.

    Raises:
        UsageError: what is scored is no model with an `output`, such as random vectors, or its
            tokenizer has no mask.

    Example:
        >>> HiddenTokens(max_tokens=128).metrics
        ('accuracy', 'cross_entropy')

    Reference: Devlin et al., BERT, arXiv:1810.04805; over longer texts than those of training,
    Günther et al., Jina Embeddings 2, arXiv:2310.19923.
    """

    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "cross_entropy")
    name: str = "hidden-tokens"
    data: Background = field(default_factory=PairTexts)
    share: Annotated[float, Above(0), AtMost(1)] = 0.15
    max_tokens: Annotated[int, AtLeast(3)] | None = None
    sample: Annotated[int, AtLeast(1)] = 500
    seed: Annotated[int, AtLeast(0)] = 0

    def small(self) -> "HiddenTokens":
        return smaller(self, sample=16)

    def run(self, embed: Embed) -> Result:
        model = getattr(embed, "model", None)
        if model is None or model.embedder is None:
            raise UsageError(
                f"{self.name} asks a model to predict tokens, and what is scored only gives vectors; "
                "leave out the controls that are no models."
            )
        texts = self.data.load()[: self.sample]
        sequences, targets = self._hidden(model, texts)
        right, surprise = _predicted(model, sequences, targets)
        asked = [target != NOBODY for target in targets]
        records = {
            "accuracy": np.concatenate([x[own] for x, own in zip(right, asked, strict=True)]),
            "cross_entropy": np.concatenate(
                [x[own] for x, own in zip(surprise, asked, strict=True)]
            ),
        }
        owners = np.repeat(np.arange(len(texts), dtype=np.int32), [own.sum() for own in asked])
        return self.scored(records, owners)

    def _hidden(
        self, model: Model, texts: Sequence[str]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Ids of each text with the mask in the place of some, and what stood there."""
        tokenizer = model.tokenizer_of("document")
        mask = mask_piece(tokenizer)
        marks = np.unique([mask, *tokenizer.encode([""], prompt="")[0].tolist()])
        whole = tokenizer.encode(texts, prompt="", max_tokens=self.max_tokens)
        asked = [self._asked(ids, marks, n) for n, ids in enumerate(whole)]
        both = list(zip(whole, asked, strict=True))
        hidden = [np.where(own, mask, ids).astype(np.int32) for ids, own in both]
        return hidden, [np.where(own, ids, NOBODY).astype(np.int32) for ids, own in both]

    def _asked(
        self, ids: Int32[np.ndarray, " tokens"], marks: np.ndarray, number: int
    ) -> Bool[np.ndarray, " tokens"]:
        """The share of a text's own tokens with the smallest draws; one at least, where it has any."""
        own = ~np.isin(ids, marks)
        draws = np.where(own, np.random.default_rng((self.seed, number)).random(len(ids)), np.inf)
        count = min(int(own.sum()), max(1, round(self.share * own.sum())))
        chosen = np.zeros(len(ids), bool)
        chosen[np.argsort(draws, kind="stable")[:count]] = True
        return chosen


def _predicted(
    model: Model, sequences: list[np.ndarray], targets: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Whether each target has the highest score, and minus the logarithm of its probability."""
    name = model.embedder.name_of("document")
    tower = model.embedder.by_name[name]
    params = model.embedder.params_of(model.params, name)
    lengths = [len(ids) for ids in sequences]
    right: list[Any] = [None] * len(sequences)
    surprise: list[Any] = [None] * len(sequences)
    for group in group_by_length(lengths, tower.text.max_tokens):
        batch = pad([sequences[n] for n in group.texts], group.tokens)
        wanted = np.stack([np.pad(targets[n], (0, group.tokens - lengths[n])) for n in group.texts])
        told = _scores(tower)(params, batch, np.maximum(wanted, 0))
        for rows, found in zip((right, surprise), map(np.asarray, told), strict=True):
            for row, n in zip(found, group.texts, strict=True):
                rows[n] = row[: lengths[n]]
    return right, surprise


@functools.lru_cache(maxsize=8)
def _scores(tower: Any) -> Any:
    @jax.jit
    def run(
        params: Any, batch: TextBatch, targets: Int32[Array, "rows tokens"]
    ) -> tuple[Float32[Array, "rows tokens"], Float32[Array, "rows tokens"]]:
        logits = tower.logits(params, batch).vectors.astype(jnp.float32)
        own = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], axis=-1)[..., 0]
        return (jnp.argmax(logits, axis=-1) == targets).astype(jnp.float32), -own

    return run
