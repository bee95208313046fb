"""Less of the data: texts cut to their first words, records of some value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from jaxemb.config import AtLeast, UsageError, check_ranges, fingerprint
from jaxemb.data.base import Source, View
from jaxemb.data.examples import numbered
from jaxemb.data.fields import Record
from jaxemb.data.pydocs import PyDocs
from jaxemb.data.views import SummaryToBody

_TEXTS = ("query", "positive", "negatives")


@dataclass(frozen=True, kw_only=True)
class FirstWords(View):
    """The inner view's examples, each text cut to its first `words` words.

    For training on short texts a model that reads long ones. Texts are numbered anew: those that are
    equal now have equal numbers.

    Raises:
        UsageError: `words` is below 1.

    Example:
        >>> record = {"summary": "Sort a list.", "body": "The sort is stable.", "module": "m"}
        >>> FirstWords(words=2)([record])[0]["positive"]
        'The sort'
    """

    inner: View = SummaryToBody()
    words: Annotated[int, AtLeast(1)] = 32

    __post_init__ = check_ranges

    @property
    def columns(self) -> tuple[str, ...]:
        return self.inner.columns

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        roles = [role for role in _TEXTS if role in self.columns]
        cut = [
            {**example, **{role: self._cut(example[role]) for role in roles}}
            for example in self.inner(records)
        ]
        return numbered(cut, *roles)

    def _cut(self, text: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(text, tuple):
            return tuple(map(self._cut, text))
        return first_words(text, self.words)


def first_words(text: str, words: int) -> str:
    """The first words of a text with what stands between them.

    Example:
        >>> first_words("one  two three", 2), first_words(" one ", 3)
        ('one  two', ' one ')
    """
    rest = text.split(None, words)
    return text[: len(text) - len(rest[words])].rstrip() if len(rest) > words else text


@dataclass(frozen=True, kw_only=True)
class OfValue(Source):
    """The records of another source whose field has one of some values.

    Such as the pairs of a set of judgements whose label is `entailment`. Values are compared as text.

    Raises:
        UsageError: a record lacks the field, or none has such a value.

    Example:
        >>> OfValue(field="kind", values=("class",)).records("dev")[0]["kind"]  # doctest: +SKIP
        'class'
    """

    inner: Source = PyDocs()
    field: str
    values: tuple[str, ...]

    def records(self, split: str) -> list[dict[str, Any]]:
        records = self.inner.records(split)
        lacking = next((record for record in records if self.field not in record), None)
        if lacking is not None:
            raise UsageError(f"a record has no field {self.field!r}; it has {', '.join(lacking)}")
        found = [record for record in records if str(record[self.field]) in self.values]
        if not found:
            raise UsageError(f"no record of split {split!r} has {self.field}={self.values}")
        return found

    def fingerprint(self) -> str:
        return fingerprint(self, self.inner.fingerprint())
