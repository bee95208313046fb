"""What may stand for a word: lexicons, which map words and phrases to others of the same meaning."""

import abc
import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from jaxemb.config import Part, UsageError
from jaxemb.config.files import given_path
from jaxemb.evaluation.grammar.inflection import noun_forms, verb_forms
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
    """Sets of synonyms in a UTF-8 file, one set per line, separated by commas.

    Nothing is inflected: write the forms that are to be replaced. Lines that begin with `#` are
    skipped.

    Raises:
        UsageError: the file is missing or not UTF-8, holds no set, or a set of fewer than two words.
    """

    files: ClassVar[tuple[str, ...]] = ("path",)
    path: str

    def alternatives(self) -> Alternatives:
        return _read(self.path, self.content())


@functools.cache
def _common() -> Alternatives:
    found: dict[str, list[str]] = {}
    tables = ((synonyms.VERBS, verb_forms), (synonyms.NOUNS, noun_forms), (synonyms.OTHERS, _alone))
    for table, inflect in tables:
        for entry in table.split(";"):
            only, _, rest = entry.strip().rpartition(":")
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
    """The content is there to be part of the cache's key."""
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
