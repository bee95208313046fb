"""Rewriting a text in other words, at random from a seed: what a reader would take for the same."""

import abc
import dataclasses
import functools
import re
from collections.abc import Callable, Sequence

import numpy as np

from jaxemb.config import Part
from jaxemb.text.lexicon import CommonSynonyms, Lexicon, plural


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paraphraser(Part, abc.ABC):
    """Slot: `text -> text` of the same meaning; everything random comes from `draw`."""

    @abc.abstractmethod
    def __call__(self, text: str, draw: np.random.Generator) -> str:
        """One paraphrase."""


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
    rate: float = 1.0

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        known = self.lexicon.alternatives()

        def other(phrase: str) -> str:
            if draw.random() >= self.rate:
                return phrase
            others = known[phrase.lower()]
            return with_capital(others[draw.integers(len(others))], like=phrase)

        return substituted(text, self.lexicon, other)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoundTrip(Paraphraser):
    """Translates into a second language and back: words of one meaning are one word there.

    Every word outside the lexicon has exactly one word in the second language and back, its letters
    moved along the alphabet; a set of synonyms shares one. On the way back that one gives any of the
    set, the first word too. `there` and `back` are the two halves; `back` sees nothing of the text
    but its translation.

    Example:
        >>> trip = RoundTrip()
        >>> trip.there("Computes a sum.") == trip.there("Calculates a sum.")
        True
        >>> trip.back(trip.there("Read it."), np.random.default_rng(0))
        'Read it.'
    """

    lexicon: Lexicon = dataclasses.field(default_factory=CommonSynonyms)
    shift: int = 7

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        # A text that has the mark of shared words already would not come back as it was.
        return text if SHARED in text else self.back(self.there(text), draw)

    def there(self, text: str) -> str:
        """The text in the second language."""
        known = self.lexicon.alternatives()

        def shared(phrase: str) -> str:
            first = min((phrase.lower(), *known[phrase.lower()]))
            return with_capital(first.replace(" ", JOINED), like=phrase) + SHARED

        # The article is that of whatever word comes back: the language has but one.
        return moved(substituted(text, self.lexicon, shared, articles=False), self.shift)

    def back(self, text: str, draw: np.random.Generator) -> str:
        """One of the texts that translate so."""
        known = self.lexicon.alternatives()

        def one(match: re.Match) -> str:
            phrase = match["phrase"].replace(JOINED, " ")
            members = (phrase.lower(), *known.get(phrase.lower(), ()))
            return with_capital(members[draw.integers(len(members))], like=phrase)

        pattern = re.compile(rf"(?P<phrase>[\w.'{JOINED}-]+){SHARED}")
        return _fit_articles(moved(text, -self.shift), pattern, one)


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

    rate: float = 1.0

    def __call__(self, text: str, draw: np.random.Generator) -> str:
        pieces = _SENTENCES.split(text)
        return "".join(
            piece if at % 2 else self._sentence(piece, draw) for at, piece in enumerate(pieces)
        )

    def _sentence(self, sentence: str, draw: np.random.Generator) -> str:
        for rule in (clause_last, clause_first, addressed):
            others = rule(sentence)
            if others:
                pick, chance = draw.integers(len(others)), draw.random()
                return others[pick] if chance < self.rate else sentence
        return sentence


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

# Private-use characters: one joins the words of a phrase, one marks a word that several share.
JOINED, SHARED = "\ue000", "\ue001"
# Not after a part of an identifier, path or quotation, nor before one or before a call.
_BEFORE, _AFTER = r"(?<![\w.`'\"/_@<-])", r"(?![\w`'\"/_(<>=-]|\.\w)"
_ARTICLE = re.compile(r"\b([Aa])n?(\s+)$")
_SILENT = re.compile(r"[aeiou]|hour|honest|heir")
_CONSONANT = re.compile(r"uni(?!n)|us[eai]|one\b|once\b|eu|ut")


@functools.lru_cache(maxsize=8)
def _pattern(lexicon: Lexicon) -> re.Pattern:
    phrases = sorted(lexicon.alternatives(), key=len, reverse=True)
    return re.compile(f"{_BEFORE}(?P<phrase>{'|'.join(map(re.escape, phrases))}){_AFTER}", re.I)


def substituted(
    text: str, lexicon: Lexicon, other: Callable[[str], str], *, articles: bool = True
) -> str:
    """The text with `other(phrase)` for every phrase of the lexicon; all-capitals are left alone."""

    def one(match: re.Match) -> str:
        phrase = match["phrase"]
        return phrase if len(phrase) > 1 and phrase.isupper() else other(phrase)

    if articles:
        return _fit_articles(text, _pattern(lexicon), one)
    return _pattern(lexicon).sub(one, text)


def _fit_articles(text: str, pattern: re.Pattern, one: Callable[[re.Match], str]) -> str:
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


def moved(text: str, shift: int) -> str:
    """Every ASCII letter moved along the alphabet, round its end: `moved(moved(x, n), -n) == x`.

    Example:
        >>> moved("Zip", 1)
        'Ajq'
    """
    lower = "abcdefghijklmnopqrstuvwxyz"
    turned = lower[shift % 26 :] + lower[: shift % 26]
    return text.translate(str.maketrans(lower + lower.upper(), turned + turned.upper()))


# --- clauses

# Between sentences: their boundaries are kept, so that joining the pieces gives the text.
_SENTENCES = re.compile(r"((?<=[.!?])\s+(?=[A-Z])|\n+)")
_LEADING = "If|When|Whenever|Unless|Because|Although|Once"
_FIRST = re.compile(rf"({_LEADING}) ([^,;:.()]+), (?:then )?([^;:()]+)\.")
_LAST = re.compile(rf"([^,;:()]+?) ({_LEADING.lower()}) ([^,;:()]+)\.")
# Before "if" these ask whether something is so, or change what it says.
_WHETHER = re.compile(
    r"(?:check|test|determin|see|verif|decid|know|tell|ask|find|even|only|as|indicat|specif)\w*$"
)
_ELSEWHERE = re.compile(rf"\b(?:{_LEADING.lower()}|else|otherwise|then|while)\b", re.I)


def clause_last(sentence: str) -> list[str]:
    """ "If x is None, stop." to "Stop if x is None."; nothing where it has another form."""
    match = _FIRST.fullmatch(sentence)
    if not match or _ELSEWHERE.search(match[2]) or _ELSEWHERE.search(match[3]):
        return []
    return [f"{match[3][0].upper()}{match[3][1:]} {match[1].lower()} {match[2]}."]


def clause_first(sentence: str) -> list[str]:
    """ "Stop if x is None." to "If x is None, stop."; nothing where it has another form."""
    match = _LAST.fullmatch(sentence)
    if not match or _WHETHER.search(match[1]) or _ELSEWHERE.search(match[3]):
        return []
    if _ELSEWHERE.search(match[1]) or not re.match(r"[A-Z][a-z]+\b(?!\()|[A-Z]\b", match[1]):
        return []
    main = match[1] if match[1].startswith("I ") else match[1][0].lower() + match[1][1:]
    return [f"{match[2].capitalize()} {match[3]}, {main}."]


_VERBS = """
add append apply build call change check clear close combine compare compute convert copy count create
define delete determine display draw encode estimate evaluate execute extract fill find fit format
generate get give handle initialize insert iterate join list load make map merge open parse perform
plot print produce provide put raise read remove replace represent reset return run save select send
set show solve sort split start stop store test transform update validate wait write yield
"""


def addressed(sentence: str) -> list[str]:
    """A description's other forms of address: "Read a file." and "Reads a file." to one another.

    Nothing where the sentence does not begin with one of the verbs that documentation begins with.
    """
    first, space, rest = sentence.partition(" ")
    if not space or not rest or rest[0] in "=-:([":
        return []
    known = _forms()
    if first not in known:
        return []
    base, third = known[first]
    forms = (f"{base.capitalize()} {rest}", f"{third.capitalize()} {rest}", f"This {third} {rest}")
    return [form for form in forms if form != sentence]


@functools.cache
def _forms() -> dict[str, tuple[str, str]]:
    pairs = [(verb, plural(verb)) for verb in _VERBS.split()]
    return {form.capitalize(): pair for pair in pairs for form in pair}


# --- how far a paraphrase is from its text


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
