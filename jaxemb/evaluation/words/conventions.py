"""How a data set's words are spelled for a model, and what becomes of those that it does not know.

A model says that it has no vector for a word by a vector of zeros. Models of subwords never do;
tables of word vectors do, and a score over the words that happen to be known is a score on other
data.
"""

import abc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from jaxemb.config import Part, UsageError


@dataclass(frozen=True, kw_only=True)
class Spelling(Part, abc.ABC):
    """Slot: a word as a data set writes it to the word that is embedded."""

    @abc.abstractmethod
    def __call__(self, word: str) -> str:
        """The word as the model gets it."""


@dataclass(frozen=True, kw_only=True)
class LowerCase(Spelling):
    """Without capitals: for models whose vocabulary has none. `Athens` and `athens` become one word.

    Example:
        >>> LowerCase()("Athens")
        'athens'
    """

    def __call__(self, word: str) -> str:
        return word.lower()


@dataclass(frozen=True, kw_only=True)
class SpacesForUnderscores(Spelling):
    """A phrase whose words a data set joins by underscores, as words with spaces between.

    Example:
        >>> SpacesForUnderscores()("Boston_Globe")
        'Boston Globe'
    """

    def __call__(self, word: str) -> str:
        return word.replace("_", " ")


def spelled(words: Sequence[str], spelling: Sequence[Spelling]) -> list[str]:
    """The words after every change of spelling, from left to right."""
    words = list(words)
    for change in spelling:
        words = [change(word) for word in words]
    return words


Examples = Bool[np.ndarray, " examples"]


@dataclass(frozen=True, kw_only=True)
class Unknown(Part, abc.ABC):
    """Slot: what becomes of an example with a word that has no vector."""

    @abc.abstractmethod
    def kept(self, known: Examples) -> Examples:
        """Which examples are scored; `known` is True where every word has a vector."""


@dataclass(frozen=True, kw_only=True)
class Counted(Unknown):
    """Every example is scored: a question without vectors is answered wrongly, a pair without them
    gets the mean of the other pairs' similarities. Scores of all models stand on the same examples.

    Example:
        >>> Counted().kept(np.array([True, False])).tolist()
        [True, True]
    """

    def kept(self, known: Examples) -> Examples:
        return np.ones_like(known)


@dataclass(frozen=True, kw_only=True)
class LeftOut(Unknown):
    """Only examples whose words all have vectors are scored, as much published work does.

    Models that know different words are then scored on different examples, and comparisons between
    them are refused; `coverage` says how many examples were left.

    Raises:
        UsageError: if no example is left.

    Example:
        >>> LeftOut().kept(np.array([True, False])).tolist()
        [True, False]
    """

    def kept(self, known: Examples) -> Examples:
        if not known.any():
            raise UsageError("the model has no vectors for the words of any example")
        return known


def has_vector(vectors: Float[np.ndarray, "words width"]) -> Bool[np.ndarray, " words"]:
    """False where a vector is all zeros."""
    return np.any(vectors != 0, axis=1)


def neutral(
    prediction: Float[np.ndarray, " examples"], known: Examples
) -> Float64[np.ndarray, " examples"]:
    """The predictions, with the mean of the known ones where a word is unknown (0 if all are)."""
    mean = float(prediction[known].mean()) if known.any() else 0.0
    return np.where(known, prediction.astype(np.float64), mean)
