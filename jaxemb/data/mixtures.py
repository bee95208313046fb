"""Views for several tasks and languages in one data set: task types, families, mixtures, a cipher."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from jaxemb.config import AtLeast, Part, UsageError, fingerprint
from jaxemb.data.base import Source, View
from jaxemb.data.examples import DOCUMENT, numbered, pairs
from jaxemb.data.fields import Record
from jaxemb.data.pydocs import PyDocs
from jaxemb.data.views import SummaryToBody

_TEXTS = ("query", "positive", "negatives")


@dataclass(frozen=True, kw_only=True)
class ForTask(View):
    """The inner view's examples as those of a type of task: the template's prefixes for it are used.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable.", "module": "m"}
        >>> ForTask(task="retrieval")([record])[0]["task"]
        'retrieval'
    """

    task: str
    inner: View = SummaryToBody()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return [{**example, "task": self.task} for example in self.inner(records)]


@dataclass(frozen=True, kw_only=True)
class Several(View):
    """The examples of several views over the same records, one after the other.

    The column `family` says which view an example comes from, for `SameFamily` candidates. Texts are
    numbered anew, so that equal texts have equal numbers across views.

    Raises:
        UsageError: there is no view, or their columns differ.

    Example:
        >>> Several(views=(SummaryToBody(), ForTask(task="sts"))).columns
        ('query', 'positive', 'query_id', 'positive_id', 'family')
    """

    views: tuple[View, ...]

    def __post_init__(self) -> None:
        if not self.views:
            raise UsageError("Several needs at least one view")
        for view in self.views:
            if set(view.columns) != set(self.views[0].columns):
                raise UsageError(
                    f"the views of Several must have equal columns: {type(view).__name__} has "
                    f"{', '.join(view.columns)}, the first {', '.join(self.views[0].columns)}"
                )

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.views[0].columns, "family")

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        examples = [
            {**example, "family": n}
            for n, view in enumerate(self.views)
            for example in view(records)
        ]
        return numbered(examples, *(role for role in _TEXTS if role in self.columns))


@dataclass(frozen=True, kw_only=True)
class WordCipher(Part):
    """A made-up language: a word for every word, in other letters and with endings of its own.

    Vowels are exchanged for vowels and consonants for consonants, and each English ending (s, ed,
    ing, ly, er, ion, none) becomes the language's ending for it. Only case is lost: `decipher` is
    the inverse on lower-cased text. What is no ASCII letter stays.

    Example:
        >>> cipher = WordCipher()
        >>> cipher.decipher(cipher("sort 3 lists, sorted"))
        'sort 3 lists, sorted'
    """

    seed: Annotated[int, AtLeast(0)] = 0

    def __call__(self, text: str) -> str:
        """The text in the made-up language, lower-cased."""
        return _WORD.sub(lambda match: _ciphered(match[0].lower(), self.seed), text)

    def decipher(self, text: str) -> str:
        """The lower-cased text that was ciphered."""
        plain, other = _letters(self.seed)
        table = str.maketrans(other, plain)
        return _WORD.sub(lambda match: _deciphered(match[0], table), text)


@dataclass(frozen=True, kw_only=True)
class Translated(View):
    """The inner view's examples in a made-up language.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable.", "module": "m"}
        >>> WordCipher().decipher(Translated()([record])[0]["positive"])
        'the sort is stable.'
    """

    inner: View = SummaryToBody()
    cipher: WordCipher = WordCipher()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        say = functools.cache(self.cipher)  # a text may be in many examples
        roles = [role for role in _TEXTS if role in self.columns]
        return [
            {**example, **{role: _said(example[role], say) for role in roles}}
            for example in self.inner(records)
        ]


@dataclass(frozen=True, kw_only=True)
class Translation(View):
    """A field of a record → the same in a made-up language.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable.", "module": "m"}
        >>> example = Translation()([record])[0]
        >>> example["query"], WordCipher().decipher(example["positive"])
        ('Sort a list.', 'sort a list.')
    """

    field: str = "summary"
    cipher: WordCipher = WordCipher()

    @property
    def columns(self) -> tuple[str, ...]:
        return SummaryToBody().columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        return pairs((r, r[self.field], self.cipher(r[self.field])) for r in records)


@dataclass(frozen=True, kw_only=True)
class Ciphered(Source):
    """The inner source in a made-up language; names, links, labels and splits stay.

    Example:
        >>> Ciphered(cipher=WordCipher(seed=1)).cipher.seed
        1
    """

    inner: Source = PyDocs()
    cipher: WordCipher = WordCipher()
    fields: tuple[str, ...] = DOCUMENT

    def records(self, split: str) -> list[Record]:
        return [
            {
                **record,
                **{name: self.cipher(record[name]) for name in self.fields if name in record},
            }
            for record in self.inner.records(split)
        ]

    def fingerprint(self) -> str:
        return fingerprint(self, [self.inner.fingerprint()])


@dataclass(frozen=True, kw_only=True)
class Joined(Source):
    """The records of several sources, one source after the other."""

    sources: tuple[Source, ...]

    def records(self, split: str) -> list[Record]:
        return [record for source in self.sources for record in source.records(split)]

    def fingerprint(self) -> str:
        return fingerprint(self, [source.fingerprint() for source in self.sources])


_WORD = re.compile(r"[A-Za-z]+")
_VOWELS, _CONSONANTS = "aeiouy", "bcdfghjklmnpqrstvwxz"
# None ends with another, so that the last letters of a word tell its ending.
_ENDINGS = {"ing": "emi", "ion": "esk", "ed": "ut", "ly": "alo", "er": "ir", "s": "ak", "": "on"}


@functools.cache
def _letters(seed: int) -> tuple[str, str]:
    """The alphabet, and what each of its letters becomes."""
    draw = np.random.default_rng(seed)
    parts = ("".join(draw.permutation(list(kind)).tolist()) for kind in (_VOWELS, _CONSONANTS))
    return _VOWELS + _CONSONANTS, "".join(parts)


@functools.lru_cache(maxsize=1 << 17)
def _ciphered(word: str, seed: int) -> str:
    table = str.maketrans(*_letters(seed))
    ending = next(ending for ending in _ENDINGS if word.endswith(ending))
    return word.removesuffix(ending).translate(table) + _ENDINGS[ending]


def _said(text: str | tuple[str, ...], say: Callable[[str], str]) -> str | tuple[str, ...]:
    return say(text) if isinstance(text, str) else tuple(map(say, text))


def _deciphered(word: str, table: dict[int, int]) -> str:
    for ending, other in _ENDINGS.items():
        if word.endswith(other):
            return word.removesuffix(other).translate(table) + ending
    raise ValueError(f"{word!r} has no ending of the language")
