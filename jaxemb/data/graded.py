"""Pairs of texts with a grade made by rule, where no human grades are at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxemb.config import fingerprint
from jaxemb.data.base import Source
from jaxemb.data.pydocs import PyDocs


@dataclass(frozen=True, kw_only=True)
class PyDocsGraded(Source):
    """Pairs of texts of pydocs, graded by how near their objects stand.

    A record has `sentence1`, `sentence2` and `score`: a summary with its own body (5), with the
    summary of the next object of its module (3), with that of an object of another module (0). A
    stand-in for people's grades where none are at hand.

    Example:
        >>> PyDocsGraded().records("dev")[0]["score"]  # doctest: +SKIP
        5.0
    """

    source: Source = PyDocs()

    def records(self, split: str) -> Sequence[dict[str, Any]]:
        records = [record for record in self.source.records(split) if record["summary"]]
        found = []
        for place, record in enumerate(records):
            after = records[(place + 1) % len(records)]
            away = records[(place + len(records) // 2) % len(records)]
            others = [(record["body"], 5.0)]
            if after["module"] == record["module"]:
                others.append((after["summary"], 3.0))
            if away["module"] != record["module"]:
                others.append((away["summary"], 0.0))
            found += [
                {
                    "sentence1": record["summary"],
                    "sentence2": text,
                    "score": score,
                    "module": record["module"],
                    "name": record["name"],
                }
                for text, score in others
                if text
            ]
        return found

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])
