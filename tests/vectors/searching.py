"""A model whose vectors are drawn, and pairs for it to search. Not a test itself."""

import dataclasses

import numpy as np

from jaxemb.data import GivenTexts, Pairs, Source, View
from jaxemb.losses import Cosine
from jaxemb.model import Index

DIM = 6


class Searcher:
    """A model whose vectors are drawn for each text; queries lie near what they answer."""

    def __init__(self, examples, similarity=Cosine(), noise=0.5):  # noqa: B008
        draw = np.random.default_rng(3)
        self.similarity, self.vectors = similarity, {}
        for example in examples:
            document = self.vectors.setdefault(example["positive"], draw.normal(size=DIM))
            near = document + noise * draw.normal(size=DIM)
            self.vectors.setdefault(example["query"], near)

    def index(self, texts):
        return Index(self.of, self.of(texts), self.similarity)

    def of(self, texts):
        return np.array([self.vectors[text] for text in texts], np.float32)

    def scores(self, examples):
        """`[examples, examples]`, every query with every positive, in float64."""
        q, d = (np.array([self.vectors[e[r]] for e in examples]) for r in ("query", "positive"))
        if self.similarity == Cosine():
            q, d = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (q, d))
        return q @ d.T


def by_hand(examples, scores, row):
    """Numbers of the others of a row by falling score, one for each text, answers left out."""
    own = examples[row]["query_id"]
    out = {own, *(e["positive_id"] for e in examples if e["query_id"] == own)}
    found = {}
    for number, example in enumerate(examples):
        if example["positive_id"] not in out:
            found.setdefault(example["positive_id"], number)
    return sorted(found.values(), key=lambda number: -scores[row, number])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numbered(View):
    """Pairs of random texts, a third of which do not belong together."""

    columns = ("query", "positive", "query_id", "positive_id")

    def __call__(self, records):
        rows = [int(r["text"]) for r in records]
        return [
            {"query": f"q{n}", "positive": f"d{n}", "query_id": n, "positive_id": 1000 + n}
            for n in rows
        ]


def pairs(count=60) -> Pairs:
    source: Source = GivenTexts(texts=tuple(str(n) for n in range(count)))
    return Pairs(source=source, view=Numbered(), batch_size=8)
