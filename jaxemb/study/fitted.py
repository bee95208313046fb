"""Models that are fitted to texts and not trained: word tables, TF-IDF, paragraph vectors."""

from typing import Any

from jaxemb.data import Texts
from jaxemb.encoders import Bag
from jaxemb.fitting import Estimator, Fit, Vocabulary
from jaxemb.heads import Head, Identity
from jaxemb.losses import Cosine, Euclidean
from jaxemb.model import Embedder
from jaxemb.pooling import Pooling
from jaxemb.text import Words
from jaxemb.tokens import TokenTable

MARKS = 5
"""Entries of a vocabulary that are no words, such as the one for what is padding."""


def fitted_vectors(
    estimator: Estimator,
    pooling: Pooling,
    *,
    width: int | None = None,
    words: int = 2000,
    head: Head | None = None,
) -> dict[str, Any]:
    """Overrides of an arm: a token table fitted to the most frequent words of pydocs, and pooled.

    Without a head the vectors are compared as they are, by their distance; with one by the cosine.

    Args:
        width: of the table; by default one number per entry of the vocabulary.
        words: how many are known.

    Example:
        >>> from jaxemb.fitting import TFIDF
        >>> from jaxemb.pooling import Sum
        >>> fitted_vectors(TFIDF(), Sum(), words=100)["embedder"].encoder.width
        105
    """
    texts = Texts()
    return {
        "embedder": Embedder(
            text=Words(vocabulary=words + MARKS, max_tokens=256),
            tokens=TokenTable(),
            encoder=Bag(width=width or words + MARKS),
            pooling=pooling,
            head=head or Identity(),
            similarity=Euclidean() if head is None else Cosine(),
        ),
        "stages": (
            Fit(name="vocabulary", estimator=Vocabulary(), data=texts),
            Fit(name="table", estimator=estimator, data=texts),
        ),
    }
