"""The audit of pairs with planted copies, planted noise and planted second answers."""

import numpy as np
import pytest

from jaxemb.analysis import audit_pairs
from jaxemb.config import UsageError
from jaxemb.data import numbered
from jaxemb.losses import Cosine
from jaxemb.model import Index
from jaxemb.report.audits import audit_page

PAIRS, WRONG, REPEATED, COPIES = 200, 20, 10, 15


class Searcher:
    def __init__(self, vectors):
        self.vectors = vectors

    def index(self, texts):
        return Index(self.of, self.of(texts), Cosine())

    def of(self, texts):
        return np.stack([self.vectors[text] for text in texts])


@pytest.fixture(scope="module")
def planted():
    draw = np.random.default_rng(0)
    words = [f"w{n}" for n in range(3000)]
    rows, vectors = [], {}
    for n in range(PAIRS):
        body = " ".join(draw.choice(words, 12))
        vector = draw.normal(size=16)
        query = f"question {n}"
        vectors[body] = vector.astype(np.float32)
        near = draw.normal(size=16) if n < WRONG else vector + 0.1 * draw.normal(size=16)
        vectors[query] = near.astype(np.float32)
        rows.append({"query": query, "positive": body})
    rows += [dict(row) for row in rows[-REPEATED:]]
    for n in range(COPIES):
        body = f"{rows[n + 50]['positive']} more"
        vectors[body] = draw.normal(size=16).astype(np.float32)
        vectors[f"other {n}"] = vectors[body]
        rows.append({"query": f"other {n}", "positive": body})
    return numbered(rows, "query", "positive"), Searcher(vectors)


def test_what_was_planted_is_counted(planted):
    examples, searcher = planted
    audit = audit_pairs(examples, searcher)
    assert audit.pairs == PAIRS + REPEATED + COPIES
    assert audit.queries == audit.positives == PAIRS + COPIES
    assert audit.repeated == pytest.approx(REPEATED / audit.pairs)
    assert audit.near_copies == pytest.approx(COPIES / audit.positives)
    assert audit.several_answers == 0
    assert WRONG - 3 <= audit.unmarked * audit.pairs <= WRONG
    assert audit.within[1] == pytest.approx(1 - audit.unmarked)
    assert audit.within[1] <= audit.within[2] <= audit.within[10] <= audit.within[100]
    assert audit.own.sum() == audit.best_other.sum() == audit.pairs
    assert audit.words["query"] == (2, 2, 2)


def test_the_page_says_it(planted):
    page = audit_page(audit_pairs(*planted, bins=8), "Planted")
    assert page.startswith("# Planted\n") and f"| pairs | {PAIRS + REPEATED + COPIES} |" in page
    assert page.count("█") > 8 and page.count(" to ") == 8
    with pytest.raises(UsageError, match="needs examples with query_id"):
        audit_pairs([{"query": "a", "positive": "b"}], planted[1])
