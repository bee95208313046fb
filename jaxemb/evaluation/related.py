"""Ranking lists cut from a graph of links: a few related texts among many that are not."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import numpy as np

from jaxemb.config import AtLeast, UsageError, check_ranges, smaller
from jaxemb.data import Linked, LinkedTogether, PyDocs, Relation, Source
from jaxemb.data.examples import DOCUMENT, document
from jaxemb.evaluation.problems import RerankingData, RerankingProblem, cluster_numbers, kept
from jaxemb.evaluation.pydocs import some


@dataclass(frozen=True, kw_only=True)
class RelatedCandidates(RerankingData):
    """A record's text → texts of `positives` related records among `others` that are not related.

    A query is a record with at least `least` related ones in the split; at most `queries` of them
    are taken. Irrelevant are records that no link and no common citing record joins to it, whatever
    the relation is; with `within`, a field, only those that have the query's value of it, such as
    its `package`: such lists are harder. Everything is drawn by `seed`.

    Raises:
        UsageError: a number is below 1, `least` is above `positives`, or no record has so many
            related ones.

    Example:
        >>> RelatedCandidates(relation=LinkedTogether()).positives
        5

    Reference: Cohan et al., SPECTER, arXiv:2004.07180, section 4; Di Giovanni and Brambilla,
    Exploiting Twitter as Source of Large Corpora of Weakly Similar Pairs, EMNLP 2021.
    """

    relation: Relation = Linked()
    source: Source = field(default_factory=PyDocs)
    split: str = "test"
    fields: tuple[str, ...] = DOCUMENT
    queries: Annotated[int, AtLeast(1)] = 500
    positives: Annotated[int, AtLeast(1)] = 5
    others: Annotated[int, AtLeast(1)] = 25
    least: Annotated[int, AtLeast(1)] = 1
    within: str = ""
    seed: Annotated[int, AtLeast(0)] = 0

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.least > self.positives:
            raise UsageError(f"least={self.least} is above positives={self.positives}")

    @kept
    def load(self) -> RerankingProblem:
        records, draw = list(self.source.records(self.split)), np.random.default_rng(self.seed)
        texts = [document(record, self.fields, place) for place, record in enumerate(records)]
        related, near = self.relation(records), _near(records)
        groups = self._groups(records)
        rows = []
        for place in draw.permutation(len(records)).tolist():
            good = _different(related[place], texts, {texts[place]})
            if len(rows) == self.queries or len(good) < self.least:
                continue
            good = some(good, self.positives, draw)
            group = groups[str(records[place].get(self.within, ""))]
            bad = self._unrelated({place, *near[place], *related[place]}, group, texts, draw)
            if bad:
                rows.append((place, good, draw.permutation([*good, *bad]).tolist()))
        if not rows:
            raise UsageError(
                f"no record of split {self.split!r} has {self.least} related ones there"
            )
        return RerankingProblem(
            queries=[texts[place] for place, _, _ in rows],
            candidates=[[texts[other] for other in order] for _, _, order in rows],
            relevant=[[int(other in good) for other in order] for _, good, order in rows],
            clusters=cluster_numbers([_cluster(records[place], place) for place, _, _ in rows]),
        )

    def small(self) -> "RelatedCandidates":
        """A few queries of a sliver, of its training part: its test part has no links."""
        return replace(smaller(self, queries=20, others=10), split="train")

    def _groups(self, records: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            found[str(record.get(self.within, ""))].append(place)
        return found

    def _unrelated(
        self, near: set[int], group: list[int], texts: Sequence[str], draw: np.random.Generator
    ) -> list[int]:
        order = draw.permutation([place for place in group if place not in near]).tolist()
        return _different(order, texts, {texts[place] for place in near})[: self.others]


def _near(records: Sequence[dict[str, Any]]) -> list[set[int]]:
    linked, together = Linked()(records), LinkedTogether()(records)
    return [{*one, *two} for one, two in zip(linked, together, strict=True)]


def _different(places: Sequence[int], texts: Sequence[str], known: set[str]) -> list[int]:
    """The places whose text is not empty, not known, and not that of an earlier place."""
    found: dict[str, int] = {}
    for place in places:
        if texts[place] and texts[place] not in known:
            found.setdefault(texts[place], place)
    return list(found.values())


def _cluster(record: dict[str, Any], place: int) -> str:
    """The record's cluster of near copies; by itself where it has none."""
    return str(record.get("cluster") or f"record {place}")
