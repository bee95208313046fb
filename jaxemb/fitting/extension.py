"""More words for a tokenizer that is there already."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxemb.config import AtLeast, UsageError
from jaxemb.fitting.estimator import Estimator
from jaxemb.text import Tokenizer

if TYPE_CHECKING:
    import jaxemb.model


@dataclasses.dataclass(frozen=True, kw_only=True)
class MoreWords(Estimator):
    """Adds the most frequent words that the tokenizer now cuts into pieces, each with a row of its own.

        row of a new word = mean of the rows of the pieces it was cut into

    Whole words only: a text without a new word has the same ids as before, and its vector is the
    same bit for bit. Rows that the tokenizer left unused come first; where these are too few, the
    table and the `vocabulary` of the embedder's `text` grow.

    Attributes:
        words: how many, at most; those that occur once are left out.

    Raises:
        UsageError: the model has no token table or no fitted tokenizer.

    Example:
        >>> model = MoreWords(words=1000).fit(model, texts, key)  # doctest: +SKIP

    Reference: Snegirev et al., "The Russian-focused embedders' exploration: ruMTEB benchmark and
    Russian embedding model design", arXiv:2408.12503 (that new rows start as means of old pieces is
    an assumption: the paper does not say).
    """

    reads: ClassVar[tuple[str, ...]] = ("text", "tokens", "encoder.width")
    words: Annotated[int, AtLeast(1)] = 1000

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        table = model.params.get("tokens", {}).get("embedding")
        if table is None or model.tokenizer is None:
            raise UsageError("MoreWords needs a TokenTable and a fitted tokenizer before it.")
        words, pieces = self._chosen(model.tokenizer, texts)
        used, old = model.tokenizer.size, np.asarray(table)
        rows = np.concatenate([old[:used], means(old, pieces), old[used + len(words) :]])
        text = dataclasses.replace(model.embedder.text, vocabulary=len(rows))
        tokens = {**model.params["tokens"], "embedding": jnp.asarray(rows)}
        return dataclasses.replace(
            model,
            embedder=dataclasses.replace(model.embedder, text=text),
            tokenizer=model.tokenizer.with_words(words, text),
            params={**model.params, "tokens": tokens},
        )

    def _chosen(
        self, tokenizer: Tokenizer, texts: Iterable[str]
    ) -> tuple[list[str], list[np.ndarray]]:
        """The new words, the most frequent first and equal ones by name, and their pieces."""
        counts = Counter(word for text in texts for word in tokenizer.words(text))
        often = sorted((w for w in counts if counts[w] > 1), key=lambda w: (-counts[w], w))
        pieces = [ids[1:-1] for ids in tokenizer.encode(often, prompt="")]
        cut = [place for place, ids in enumerate(pieces) if len(ids) > 1][: self.words]
        return [often[place] for place in cut], [pieces[place] for place in cut]


def means(
    table: Float[np.ndarray, "vocabulary width"], pieces: list[np.ndarray]
) -> Float[np.ndarray, "words width"]:
    """The mean row of each word's pieces."""
    rows = [table[ids].mean(axis=0, dtype=np.float64) for ids in pieces]
    return np.array(rows, table.dtype).reshape(-1, table.shape[1])
