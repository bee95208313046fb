"""Retrieval of chunks: which vectors are ranked, and that context finds what a chunk leaves out."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import (
    Alone,
    At,
    BestChunkRetrieval,
    ChunkRetrieval,
    Headed,
    InContext,
    Neighbouring,
    Overlapping,
    PyDocsMethods,
    Undivided,
    evaluate,
)
from jaxemb.evaluation.chunking import ChunkData, ChunkProblem
from jaxemb.evaluation.problems import RetrievalProblem
from jaxemb.interop import Pretrained
from jaxemb.model import Embedding
from jaxemb.retrieval import BM25
from jaxemb.text import Chunked
from tests.evaluation.held import held

CITIES = [
    "Berlin",
    "Paris",
    "Madrid",
    "Rome",
    "Vienna",
    "Prague",
    "Warsaw",
    "Lisbon",
    "Dublin",
    "Oslo",
    "Helsinki",
    "Athens",
    "Cairo",
    "Nairobi",
    "Lima",
    "Bogota",
    "Tokyo",
    "Seoul",
    "Hanoi",
    "Delhi",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cities(ChunkData):
    """Texts that differ in their first sentence alone: "it" is what that names."""

    def load(self) -> ChunkProblem:
        said = ["It has a large harbour.", "It was founded by merchants."]
        asked = ["the harbour of {}", "the merchants who founded {}"]
        return ChunkProblem(
            queries=[query.format(city) for city in CITIES for query in asked],
            documents=[Chunked.joined([f"This text is about {city}.", *said]) for city in CITIES],
            relevant=[{3 * n + k: 1} for n in range(len(CITIES)) for k in (1, 2)],
            clusters=np.repeat(np.arange(len(CITIES), dtype=np.int32), 2),
        )


def test_context_finds_what_a_chunk_leaves_out():
    model = Pretrained("all-MiniLM-L6-v2", max_tokens=64).start(jax.random.key(0))
    ways = {"late": InContext(), "alone": Alone()}
    tasks = [ChunkRetrieval(name=n, data=Cities(), chunking=way) for n, way in ways.items()]
    found = evaluate(Embedding(model), tasks)
    late, alone = (found[name].metrics["recall@1"] for name in ways)
    assert late > alone + 0.2 and alone <= 0.15


def lengths(texts, role):
    """A vector that says how long a text is, and with how many words."""
    return np.array([[len(t), len(t.split()), 1.0] for t in texts], np.float32)


def test_what_each_way_embeds():
    text = Chunked.joined(["a bb ccc", "dd e", "f gg"])
    seen = []

    def embed(texts, role):
        seen.append((role, list(texts)))
        return lengths(texts, role)

    for way in (Alone(), Overlapping(words=1), Headed(words=2), Undivided()):
        (vectors,) = way.vectors(embed, [text])
        assert vectors.shape == (3, 3)
    assert seen == [
        ("document", ["a bb ccc", "dd e", "f gg"]),
        ("document", ["a bb ccc dd", "ccc dd e f", "e f gg"]),
        ("document", ["a bb ccc", "a bb\ndd e", "a bb\nf gg"]),
        ("document", ["a bb ccc\ndd e\nf gg"]),
    ]


def test_a_text_is_ranked_by_its_best_chunk():
    draw = np.random.default_rng(0)
    documents = [
        Chunked.joined([f"{n}-{k}" for k in range(draw.integers(1, 5))]) for n in range(30)
    ]
    table = {piece: draw.normal(size=8) for one in documents for piece in one.pieces}
    table |= {f"q{n}": draw.normal(size=8) for n in range(20)}
    unit = {text: v / np.linalg.norm(v) for text, v in table.items()}
    problem = ChunkProblem(
        queries=[f"q{n}" for n in range(20)],
        documents=documents,
        relevant=[{int(draw.integers(60)): 1, int(draw.integers(60)): 2} for _ in range(20)],
        clusters=np.arange(20, dtype=np.int32),
    )
    task = BestChunkRetrieval(data=held(problem), chunking=Alone(), k=5)
    result = task.run(lambda texts, role: np.stack([unit[t] for t in texts]).astype(np.float32))
    firsts = []
    for n in range(20):
        scores = [max(unit[p] @ unit[f"q{n}"] for p in one.pieces) for one in documents]
        right = {int(problem.owners[chunk]) for chunk in problem.relevant[n]}
        order = np.argsort(scores)[::-1]
        rank = next(place for place, d in enumerate(order, 1) if d in right)
        firsts.append(1 / rank if rank <= 5 else 0.0)
    np.testing.assert_allclose(result.examples["mrr@5"], firsts, atol=1e-6)
    grades = problem.by_document().relevant[0]
    assert max(grades.values()) == 2


def test_word_search_and_wrappers():
    task = ChunkRetrieval(data=Cities())
    assert task.score_run(BM25()).metrics["recall@10"] < 0.8
    with pytest.raises(UsageError, match="in_context reads whole texts"):
        evaluate(lengths, [At(inner=task, dim=2)])
    assert evaluate(lengths, [At(inner=dataclasses.replace(task, chunking=Alone()), dim=2)])


def test_neighbours_make_a_text():
    whole = RetrievalProblem(
        ["x", "y"], ["a", "bb", "c", "d", "e"], [{1: 1}, {4: 2}], np.arange(2, dtype=np.int32)
    )
    found = Neighbouring(inner=held(whole), chunks=2).load()
    assert [one.pieces for one in found.documents] == [["a", "bb"], ["c", "d"], ["e"]]
    assert found.by_chunk().documents == whole.documents and found.relevant == whole.relevant
    assert found.by_document().relevant == [{0: 1}, {2: 2}] and found.clusters.tolist() == [0, 1]


def test_classes_with_their_methods():
    data = PyDocsMethods(split="train").small()
    found = data.load()
    pieces = [piece for one in found.documents for piece in one.pieces]
    assert 1 <= len(found.documents) <= 4
    for query, of in zip(found.queries, found.relevant, strict=True):
        name = query.partition(":")[0]
        for chunk in of:
            (owner,) = {int(found.owners[chunk])}
            assert found.documents[owner].text.startswith(f"{name}: ")
            assert pieces.count(pieces[chunk]) == 1
    assert all(len(one.text.split()) <= data.words + data.opening for one in found.documents)
