"""A searcher with texts of its own, and examples with repeats."""

import numpy as np
import pytest

from jaxemb.text import WordPiece
from tests.vectors.searching import DIM, Searcher, pairs


@pytest.fixture(scope="module")
def examples():
    draw = np.random.default_rng(5)
    pairs = [(int(draw.integers(0, 30)), int(draw.integers(25, 60))) for _ in range(50)]
    return [
        {"query": f"t{q}", "positive": f"t{d}", "query_id": q, "positive_id": d}
        for q, d in pairs
        if q != d
    ]


@pytest.fixture(scope="module")
def model():
    """A searcher that also reads texts, and finds every third pair wrong."""
    examples = pairs().examples()
    searcher = Searcher(examples, noise=0.2)
    draw = np.random.default_rng(1)
    for n in range(0, len(examples), 3):
        searcher.vectors[f"q{n}"] = draw.normal(size=DIM)
    searcher.tokenizer_of = lambda column: tokenizer
    tokenizer = WordPiece(vocabulary=64).train(["q d 0 1 2 3 4 5 6 7 8 9"])
    return searcher
