"""How a data set's words are spelled before a model sees them."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass

from jaxemb.config import Part


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
