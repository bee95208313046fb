"""How far vectors move when words are replaced, for models and for plain functions."""

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.encoders import Bag
from jaxemb.evaluation import Perturbation, PyDocsLabels, evaluate
from jaxemb.evaluation.perturbation import between, frequent, long_documents, replace
from jaxemb.fitting import PPMISVD, TFIDF, ParagraphTable, Vocabulary
from jaxemb.heads import Identity, Normalize
from jaxemb.losses import Cosine, Euclidean
from jaxemb.model import Embedder, Embedding, Model
from jaxemb.pooling import FirstTokens, Mean, ParagraphBag, Sum
from jaxemb.retrieval.lexical import words
from jaxemb.statistics import level
from jaxemb.statistics.metrics import log_slope
from jaxemb.text import Words
from jaxemb.tokens import TokenTable

KEY = jax.random.key(0)


@pytest.fixture
def task(docs):
    data = PyDocsLabels(source=docs, text="body", train=200, texts=200)
    sizes = dict(replaced=(1, 2, 4, 8), lengths=(8, 16, 32), held=2, draws=3, documents=20)
    return Perturbation(data=data, **sizes)


def fitted(task, estimator, pooling, *, width=8, head=None):
    """The vectors of a bag of words that is fitted to the training texts."""
    embedder = Embedder(
        text=Words(vocabulary=300, max_tokens=32),
        tokens=TokenTable(),
        encoder=Bag(width=width),
        pooling=pooling,
        head=head or Identity(),
        similarity=Cosine() if head else Euclidean(),
    )
    model, texts = Model.create(embedder, KEY), list(task.data.load().train_texts)
    for one in (Vocabulary(), estimator):
        model = one.fit(model, texts, KEY)
    return Embedding(model)


def test_slopes_are_those_of_the_exact_cases(task):
    """Concatenation moves with the root of the words replaced and not with length; sums move
    linearly, and means like one over the length."""
    bag = fitted(task, PPMISVD(rarity=None), FirstTokens(tokens=32))
    concatenation = evaluate(bag, [task])["perturbation"].metrics
    assert concatenation["growth"] == pytest.approx(0.5, abs=0.1)
    assert concatenation["decay"] == pytest.approx(0.0, abs=0.1)

    def mean(texts, role):
        rows = [[hash_vector(word) for word in text.split()] for text in texts]
        return np.stack([np.concatenate([np.mean(row, axis=0), [100.0]]) for row in rows])

    averaged = evaluate(mean, [task])["perturbation"].metrics
    assert averaged["decay"] == pytest.approx(-1.0, abs=0.1)
    assert averaged["growth"] == pytest.approx(0.5, abs=0.15)  # directions that do not add up


def hash_vector(word):
    return np.random.default_rng(list(word.encode())).normal(size=16).astype(np.float32)


BAGS = {
    "tfidf": (TFIDF(), Sum(), {"width": 300}),
    "unit_tfidf": (TFIDF(), Sum(), {"width": 300, "head": Normalize()}),
    "concatenation": (PPMISVD(rarity=None), FirstTokens(tokens=32), {}),
    "mean": (PPMISVD(), Mean(), {}),
    "paragraph": (ParagraphTable(steps=30, batch_size=256), ParagraphBag(alpha=0.01), {}),
    "any_model": None,
}


@pytest.mark.parametrize("name", BAGS)
def test_no_pair_is_beyond_the_bound(task, embed, name):
    if BAGS[name]:
        estimator, pooling, options = BAGS[name]
        embed = fitted(task, estimator, pooling, **options)
    result = evaluate(embed, [task])["perturbation"]
    assert result.metrics["violations"] == 0
    assert 0.01 < result.metrics["tightness"] <= 1 + 1e-6
    assert result.metrics["relative"] > 0 and set(result.metrics) == set(task.metrics)
    scores = {name: level([result], name, trained=False) for name in task.metrics}
    for name in ("growth", "decay", "relative"):
        assert scores[name].clusters > 1 and 0 < scores[name].example_variance < np.inf


def test_a_model_that_leaps_has_a_flat_curve(task):
    """Random vectors: any change is a change of everything."""

    def leap(texts, role):
        return np.stack([np.random.default_rng(list(t.encode())).normal(size=64) for t in texts])

    metrics = task.run(lambda texts, role: leap(texts, role).astype(np.float32)).metrics
    assert metrics["growth"] == pytest.approx(0, abs=0.02)
    assert metrics["decay"] == pytest.approx(0, abs=0.02)
    assert metrics["relative"] == pytest.approx(1, abs=0.05)


def test_a_model_that_sees_nothing_change_has_no_slope(task):
    metrics = task.run(lambda texts, role: np.ones((len(texts), 3), np.float32)).metrics
    assert metrics["distance"] == metrics["growth"] == metrics["decay"] == 0


def test_replaced_words_are_other_words_of_the_vocabulary():
    draw = np.random.default_rng(0)
    documents = np.array([["a", "b", "c", "d"]] * 50)
    vocabulary = np.array(["a", "b", "longer"])
    for count in (1, 3, 4):
        changed = replace(documents, count, vocabulary, draw)
        different = changed != documents
        assert np.all(different.sum(axis=1) == count)
        assert set(changed[different]) <= set(vocabulary)
    assert np.all(documents == ["a", "b", "c", "d"])


def test_documents_join_the_texts_of_a_cluster(task):
    problem = task.data.load()
    documents, clusters = long_documents(problem, 32, 20)
    assert documents.shape == (20, 32) and len(set(clusters.tolist())) == 20
    first = [t for t, c in zip(problem.texts, problem.clusters, strict=True) if c == clusters[0]]
    assert documents[0].tolist() == [word for text in first for word in words(text)][:32]


def test_vocabulary_holds_the_most_frequent_words():
    assert frequent(["b b a c", "c b"], size=2).tolist() == ["b", "c"]


def test_distances_between_rows():
    rows = np.random.default_rng(0).normal(size=(6, 3))
    wanted = [
        np.mean(np.linalg.norm(np.delete(rows, n, axis=0) - rows[n], axis=1)) for n in range(6)
    ]
    np.testing.assert_allclose(between(rows), wanted)


def test_log_slope():
    places = np.tile([1.0, 2.0, 4.0], (5, 1))
    spread = np.linspace(0.5, 1.5, 5)[:, None]
    assert log_slope(3 * places**-0.7 * spread, places) == pytest.approx(-0.7)
    assert log_slope(0 * places, places) == 0


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(task, embed):
    once, again = task.run(embed), task.run(embed)
    assert once.metrics == again.metrics
    other = Perturbation(**{**vars(task), "seed": 1}).run(embed)
    assert other.metrics["distance"] != once.metrics["distance"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"replaced": (0, 1)}, "must lie between 1"),
        ({"replaced": (64,)}, "must lie between 1"),
        ({"held": 9}, "more than the shortest"),
        ({"lengths": (8, 9999)}, "0 documents have 9999 words"),
    ],
)
def test_what_cannot_be_measured_is_refused(task, embed, changes, error):
    with pytest.raises(UsageError, match=error):
        Perturbation(**{**vars(task), **changes}).run(embed)


def test_json_keeps_the_task_and_reads_what_was_written_before(task):
    assert from_json(to_json(task)) == task and task.on("dev").data.split == "dev"
    before = {**to_json(Perturbation()), "vectorizer": None}
    assert from_json(before) == Perturbation()
    with pytest.raises(UsageError, match="vectorizer"):
        from_json({**before, "vectorizer": {"part": "jaxemb.analysis.TFIDF"}})
