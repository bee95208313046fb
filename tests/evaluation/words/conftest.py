"""Small files of every kind that word tasks read."""

import json

import pytest

from jaxemb.evaluation import AnalogyFile, ContextFiles, PairFile
from tests.evaluation.words.word_sets import PAIRS, QUESTIONS, RNG


@pytest.fixture
def write(tmp_path):
    def write(name, rows):
        path = tmp_path / name
        if name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        return str(path)

    return write


@pytest.fixture
def pairs(write):
    graded = [
        (a, b, int(grade)) for (a, b), grade in zip(PAIRS, RNG.integers(5, size=28), strict=True)
    ]
    return PairFile(path=write("pairs.tsv", [("word1", "word2", "score"), *graded]))


@pytest.fixture
def questions(write):
    return AnalogyFile(path=write("q.tsv", [("category", *"abcd"), *QUESTIONS]))


@pytest.fixture
def contexts(write):
    rows = [
        ("word", "rare_word", "score"),
        *[(f"w{n}", f"r{n % 6}", n % 7) for n in range(24)],
        ("w", "never seen", 1),
    ]
    known = [{"word": f"r{n}", "contexts": [f"r{n} in {m}" for m in range(5)]} for n in range(6)]
    return ContextFiles(pairs=write("p.tsv", rows), contexts=write("c.jsonl", known))
