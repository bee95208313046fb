"""What may stand for a word: lexicons, which map words and phrases to others of the same meaning."""

import abc
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from jaxemb.config import Part, UsageError
from jaxemb.config.files import given_path
from jaxemb.evaluation.paraphrase import synonyms

Alternatives = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lexicon(Part, abc.ABC):
    """Slot: which words and phrases, in lower case, may be replaced by which others."""

    @abc.abstractmethod
    def alternatives(self) -> Alternatives:
        """A word or phrase to what may stand in its place, itself not among it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommonSynonyms(Lexicon):
    """About 500 forms of English words that technical documentation uses, collected by hand.

    Verbs and nouns are inflected together, so that `computes` becomes `calculates`. The table is
    small on purpose: no word is replaced that could be verb or noun, or whose synonym depends on what
    the text is about.

    Example:
        >>> CommonSynonyms().alternatives()["computes"]
        ('calculates',)
    """

    def alternatives(self) -> Alternatives:
        return _common()


@dataclasses.dataclass(frozen=True, kw_only=True)
class SynonymFile(Lexicon):
    """Sets of synonyms in a UTF-8 file, a set a line, separated by commas.

    Nothing is inflected: write the forms that are to be replaced. Lines that begin with `#` are
    skipped.

    Raises:
        UsageError: the file is missing or not UTF-8, holds no set, or a set of fewer than two words.
    """

    files = ("path",)

    path: str

    def alternatives(self) -> Alternatives:
        return _read(self.path, self.content())


@functools.cache
def _common() -> Alternatives:
    found: dict[str, list[str]] = {}
    tables = ((synonyms.VERBS, verb_forms), (synonyms.NOUNS, noun_forms), (synonyms.OTHERS, _alone))
    for table, inflect in tables:
        for line in _lines(table):
            only, _, rest = line.rpartition(":")
            words = [only, *_words(rest)] if only else _words(rest)
            for forms in zip(*map(inflect, words), strict=True):
                _add(found, forms, one_way=bool(only))
    return _frozen(found)


def _alone(word: str) -> tuple[str]:
    return (word,)


def _add(found: dict[str, list[str]], words: Iterable[str], *, one_way: bool = False) -> None:
    words = list(dict.fromkeys(words))
    for word in words[:1] if one_way else words:
        found.setdefault(word, []).extend(other for other in words if other != word)


def _frozen(found: Mapping[str, list[str]]) -> Alternatives:
    return MappingProxyType({word: tuple(dict.fromkeys(others)) for word, others in found.items()})


@functools.lru_cache(maxsize=4)
def _read(path: str, content: str) -> Alternatives:
    """The content's hash is there to be part of the cache's key."""
    try:
        lines = _lines(given_path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The synonyms in {path} cannot be read: {error}.") from error
    sets = [_words(line.lower()) for line in lines if not line.startswith("#")]
    if not sets:
        raise UsageError(f"{path} holds no synonyms.")
    for number, words in enumerate(sets, start=1):
        if len(words) < 2:
            raise UsageError(f"Set {number} of {path} holds {len(words)} words; synonyms are two.")
    found: dict[str, list[str]] = {}
    for words in sets:
        _add(found, words)
    return _frozen(found)


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _words(line: str) -> list[str]:
    return [word.strip() for word in line.split(",") if word.strip()]


_VOWELS = "aeiou"
# Verbs of two syllables that double their last letter, as verbs of one syllable do.
_DOUBLING = ("omit", "occur", "prefer", "permit")


def verb_forms(entry: str) -> tuple[str, str, str, str]:
    """Base, third person, past, -ing of a regular verb; an entry with bars is taken as it is.

    Example:
        >>> verb_forms("compute"), verb_forms("keep|keeps|kept|keeping")[2]
        (('compute', 'computes', 'computed', 'computing'), 'kept')
    """
    if "|" in entry:
        base, third, past, going = entry.split("|")
        return base, third, past, going
    if entry.endswith("e"):
        return entry, f"{entry}s", f"{entry}d", f"{entry[:-1]}ing"
    if entry.endswith("y") and entry[-2] not in _VOWELS:
        return entry, f"{entry[:-1]}ies", f"{entry[:-1]}ied", f"{entry}ing"
    stem = entry + entry[-1] if entry in _DOUBLING else entry
    return entry, plural(entry), f"{stem}ed", f"{stem}ing"


def noun_forms(entry: str) -> tuple[str, str]:
    """Singular and plural; an entry with a bar is taken as it is.

    Example:
        >>> noun_forms("quantity")
        ('quantity', 'quantities')
    """
    if "|" in entry:
        one, many = entry.split("|")
        return one, many
    return entry, plural(entry)


def plural(word: str) -> str:
    """The regular plural, which is also the third person of a verb.

    Example:
        >>> plural("fetch"), plural("way"), plural("directory")
        ('fetches', 'ways', 'directories')
    """
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2] not in _VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}s"
