"""Records that are written into the configuration itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import fingerprint
from jaxemb.data.base import Source


@dataclass(frozen=True, kw_only=True)
class GivenTexts(Source):
    """Texts at hand, the same in every split; a record's one field is `text`.

    Example:
        >>> GivenTexts(texts=("sort a list",)).records("train")
        [{'text': 'sort a list'}]
    """

    texts: tuple[str, ...]

    def records(self, split: str) -> Sequence[dict[str, Any]]:
        return [{"text": text} for text in self.texts]

    def fingerprint(self) -> str:
        return fingerprint(self)
