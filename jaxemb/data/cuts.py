"""Texts cut to their first words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from jaxemb.config import AtLeast, check_ranges
from jaxemb.data.base import View
from jaxemb.data.views import Record, SummaryToBody, numbered

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
