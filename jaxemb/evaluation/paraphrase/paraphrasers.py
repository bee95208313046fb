"""Rewriting a text in other words, at random from a seed: what a reader would take for the same."""

import abc
import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np

from jaxemb.config import Between, Part
from jaxemb.evaluation.paraphrase import clauses
from jaxemb.evaluation.paraphrase.lexicon import CommonSynonyms, Lexicon


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paraphraser(Part, abc.ABC):
    """Slot: `text -> text` of the same meaning; everything random comes from `draw`."""

    @abc.abstractmethod
    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """One paraphrase."""


def generator(text: str, *numbers: int) -> np.random.Generator:
    """A generator that depends on the text and the numbers, not on what else is drawn.

    Example:
        >>> first, again = generator("Sort a list.", 3), generator("Sort a list.", 3)
        >>> first.random() == again.random()
        True
    """
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return np.random.default_rng((int.from_bytes(digest, "little"), *numbers))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unchanged(Paraphraser):
    """The text itself: what every paraphraser is compared with, and what must change no score.

    Example:
        >>> Unchanged()("Sort a list.", np.random.default_rng(0))
        'Sort a list.'
    """

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        return text


@dataclasses.dataclass(frozen=True, kw_only=True)
class SynonymSubstitution(Paraphraser):
    """Replaces words and phrases of a lexicon, each with chance `rate`, the longest phrase first.

    Capitals at the start of a word are kept, "a" and "an" follow the new word, and nothing is
    replaced inside identifiers, paths, calls or quotations (`max_length`, `np.select`, `save()`).

    Example:
        >>> SynonymSubstitution()("Computes an amount.", np.random.default_rng(0))
        'Calculates a quantity.'
    """

    lexicon: Lexicon = dataclasses.field(default_factory=CommonSynonyms)
    rate: Annotated[float, Between(0, 1)] = 1.0

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        known = self.lexicon.alternatives()

        def other(phrase: str) -> str:
            if draw.random() >= self.rate:
                return phrase
            others = known[phrase.lower()]
            return with_capital(others[draw.integers(len(others))], like=phrase)

        return substituted(text, self.lexicon, other)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClauseOrder(Paraphraser):
    """Moves clauses and turns the form of address: the words stay, the structure does not.

    Conditions and reasons change places with the main clause ("If x is None, stop." ↔ "Stop if x is
    None."); a description in the imperative becomes one in the third person ("Read a file." ↔ "Reads
    a file." or "This reads a file."). Each sentence that has such a form is rewritten with chance
    `rate`; a paragraph's line breaks stay.

    Example:
        >>> ClauseOrder()("If x is None, stop.", np.random.default_rng(0))
        'Stop if x is None.'
    """

    rate: Annotated[float, Between(0, 1)] = 1.0

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        pieces = clauses.SENTENCES.split(text)
        return "".join(
            piece if at % 2 else self._sentence(piece, draw) for at, piece in enumerate(pieces)
        )

    def _sentence(self, sentence: str, draw: np.random.Generator) -> str:
        others = clauses.forms(sentence)
        if not others or draw.random() >= self.rate:
            return sentence
        return others[draw.integers(len(others))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class InTurn(Paraphraser):
    """Several paraphrasers, each on what the one before it wrote.

    Example:
        >>> both = InTurn(paraphrasers=(ClauseOrder(), SynonymSubstitution()))
        >>> both("If it occurs, stop.", np.random.default_rng(0))
        'Stop if it happens.'
    """

    paraphrasers: tuple[Paraphraser, ...]

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        for paraphraser in self.paraphrasers:
            text = paraphraser(text, draw)
        return text


# --- words

# Not after a part of an identifier, path or quotation, nor before one or before a call.
_BEFORE, _AFTER = r"(?<![\w.`'\"/_@<-])", r"(?![\w`'\"/_(<>=-]|\.\w)"
_ARTICLE = re.compile(r"\b([Aa])n?(\s+)$")
_SILENT = re.compile(r"[aeiou]|hour|honest|heir")
_CONSONANT = re.compile(r"uni(?!n)|us[eai]|one\b|once\b|eu|ut")


@functools.lru_cache(maxsize=8)
def _pattern(lexicon: Lexicon) -> re.Pattern:
    phrases = sorted(lexicon.alternatives(), key=len, reverse=True)
    return re.compile(f"{_BEFORE}(?P<phrase>{'|'.join(map(re.escape, phrases))}){_AFTER}", re.I)


def substituted(text: str, lexicon: Lexicon, other: Callable[[str], str]) -> str:
    """The text with `other(phrase)` for every phrase of the lexicon; all-capitals are left alone."""
    known = lexicon.alternatives()

    def one(match: re.Match) -> str:
        phrase = match["phrase"]
        # Whatever the case, a pattern also takes a dotless i or a long s for an i or s.
        is_other = phrase.lower() not in known
        return phrase if is_other or len(phrase) > 1 and phrase.isupper() else other(phrase)

    return _with_articles(text, _pattern(lexicon), one)


def _with_articles(text: str, pattern: re.Pattern, one: Callable[[re.Match], str]) -> str:
    """Substitutes, and makes an article that stands before a changed word agree with it."""
    found, at = "", 0
    for match in pattern.finditer(text):
        found += text[at : match.start()]
        word = one(match)
        if word != match["phrase"]:
            n = "n" if starts_with_vowel(word) else ""
            found = _ARTICLE.sub(lambda article, n=n: f"{article[1]}{n}{article[2]}", found)
        found, at = found + word, match.end()
    return found + text[at:]


def starts_with_vowel(word: str) -> bool:
    """Whether "an" stands before a word, by its letters.

    Example:
        >>> [starts_with_vowel(word) for word in ("image", "picture", "unit", "hour")]
        [True, False, False, True]
    """
    word = word.lower()
    return bool(_SILENT.match(word)) and not _CONSONANT.match(word)


def with_capital(word: str, *, like: str) -> str:
    """The word with a capital where `like` has one.

    Example:
        >>> with_capital("fetch", like="Obtain")
        'Fetch'
    """
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def edit_distance(first: Sequence, second: Sequence) -> float:
    """Levenshtein distance over the longer length: 0 for equal sequences, 1 for nothing in common.

    The fewest insertions, deletions and replacements of one element that turn one into the other.

    Example:
        >>> edit_distance("kitten", "sitting")
        0.428...
    """
    longest = max(len(first), len(second))
    if longest == 0:
        return 0.0
    names = {element: number for number, element in enumerate({*first, *second})}
    a, b = (np.array([names[element] for element in side], np.int64) for side in (first, second))
    steps = np.arange(len(b) + 1)
    row = steps
    for count, element in enumerate(a, start=1):
        best = np.minimum(row[1:] + 1, row[:-1] + (b != element))
        # Insertions run along the row: a running minimum of what is left after their cost.
        row = np.minimum.accumulate(np.concatenate([[count], best]) - steps) + steps
    return float(row[-1]) / longest
