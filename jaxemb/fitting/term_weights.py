"""Token tables of word counts."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from jaxemb.config import UsageError
from jaxemb.fitting.estimator import Estimator

if TYPE_CHECKING:
    import jaxemb.model


@dataclasses.dataclass(frozen=True, kw_only=True)
class TFIDF(Estimator):
    """Sets the token table to inverse document frequencies, one column per word.

        E[w, w mod width] = idf_w = ln((1 + N) / (1 + N_w)) + 1

    with `N` texts in all and `N_w` that hold `w`. With a `Bag` as wide as the vocabulary, `Sum` over
    tokens is TF-IDF, `n_w(x) idf_w`, and with `Normalize` its usual form. In a narrower one words
    share columns, as under feature hashing.

    Raises:
        UsageError: there is no token table or no tokenizer.

    Reference: Spärck Jones, A Statistical Interpretation of Term Specificity, 1972; the weights are
    those of sklearn.feature_extraction.text.TfidfTransformer.
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder.width")

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        table = model.params["tokens"].get("embedding")
        if table is None or model.tokenizer is None:
            raise UsageError("TFIDF needs a TokenTable and a fitted tokenizer before it.")
        sequences = model.tokenizer.encode(list(texts))
        holding = np.zeros(len(table))
        for sequence in sequences:
            holding[np.unique(sequence)] += 1
        weights = np.log((1 + len(sequences)) / (1 + holding)) + 1
        rows = np.zeros(table.shape, np.float32)
        rows[np.arange(len(rows)), np.arange(len(rows)) % table.shape[1]] = weights
        tokens = {**model.params["tokens"], "embedding": jnp.asarray(rows)}
        return dataclasses.replace(model, params={**model.params, "tokens": tokens})
