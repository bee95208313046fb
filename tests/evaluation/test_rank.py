"""Rank evaluation against a double loop, and its invariances."""

import dataclasses
import functools

import numpy as np
import pytest

from jaxemb.config import from_json, to_json
from jaxemb.evaluation import (
    AsTheyAre,
    ByCosine,
    ByDistance,
    Centred,
    NearestPairs,
    PairFile,
    PairTexts,
    PartnerRank,
    TextColumn,
    evaluate,
)

RNG = np.random.default_rng()
PAIRS = [(f"a{n}", f"b{n}") for n in range(20)]


@pytest.fixture
def task(tmp_path):
    (tmp_path / "p.tsv").write_text(
        "word1\tword2\tscore\n" + "".join(f"{a}\t{b}\t{n}\n" for n, (a, b) in enumerate(PAIRS))
    )
    words = [*(text for pair in PAIRS for text in pair), *(f"w{n}" for n in range(600))]
    (tmp_path / "w.tsv").write_text("text\n" + "".join(f"{word}\n" for word in words))
    pairs = PairFile(path=str(tmp_path / "p.tsv"))
    return PartnerRank(data=pairs, background=TextColumn(path=str(tmp_path / "w.tsv")))


def model(width=4, offset=0.0, **known):
    rng = np.random.default_rng()

    @functools.cache
    def vector(text):
        return np.asarray(known.get(text, rng.integers(-2, 3, width) + 0.25), np.float32) + offset

    return lambda texts, role: np.stack([vector(text) for text in texts]).astype(np.float32)


def looped(embed, task, prepared, near):
    """The rank by a loop over pairs and texts, in float64."""
    texts = task.background.load()
    vectors = {t: v for t, v in zip(texts, embed(texts, "query").astype(np.float64), strict=True)}
    mean = np.mean(list(vectors.values()), axis=0) if prepared else 0.0
    found = []
    for a, b in PAIRS:
        own = near(vectors[a] - mean, vectors[b] - mean)
        others = [near(vectors[a] - mean, vectors[t] - mean) for t in texts if t not in (a, b)]
        found.append(1 + sum(other > own + 1e-6 for other in others))
    return found


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def distance(a, b):
    return 1 / (1 + np.linalg.norm(a - b))


@pytest.mark.parametrize("prepare", [Centred(), AsTheyAre()], ids=["centred", "raw"])
@pytest.mark.parametrize(("nearness", "near"), [(ByCosine(), cosine), (ByDistance(), distance)])
def test_ranks_are_a_double_loop_with_ties(task, prepare, nearness, near):
    """Small whole numbers as vectors: there are many exact ties."""
    embed = model()
    task = dataclasses.replace(task, prepare=prepare, nearness=nearness)
    result = task.run(embed)
    expected = np.array(looped(embed, task, prepare == Centred(), near), float)
    np.testing.assert_array_equal(result.examples["mean_rank"], expected)
    assert result.metrics["tied"] > 0.3
    assert result.metrics["mrr"] == pytest.approx(np.mean(1 / expected))
    assert result.metrics["hits@3"] == pytest.approx(np.mean(expected <= 3))


def test_blocks_and_the_order_of_the_background_do_not_matter(task):
    from jaxemb.evaluation.rank import places_of_pairs, ranks

    embed = model(width=6)
    problem, texts = task.data.load(), task.background.load()
    sides = embed(problem.first, "query"), embed(problem.second, "query")
    for order in (texts, texts[::-1]):
        own = places_of_pairs(problem, order)
        found = [
            ranks(*sides, embed(order, "query"), own, ByCosine(), block=n)[0] for n in (3, 256)
        ]
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], task_ranks(task, embed))


def task_ranks(task, embed):
    return dataclasses.replace(task, prepare=AsTheyAre()).run(embed).examples["mean_rank"]


def test_equal_partners_rank_first_and_random_ones_by_chance(task):
    same = {
        name: np.random.default_rng(n).normal(size=30)
        for n, pair in enumerate(PAIRS)
        for name in pair
    }
    assert task.run(model(30, **same)).metrics["mrr"] == 1
    drawn = {f"{kind}{n}": RNG.normal(size=30) for kind in "abw" for n in range(600)}
    scores = [
        task.run(model(30, **{k: RNG.normal(size=30) for k in drawn})).metrics["mrr"]
        for _ in range(30)
    ]
    count = len(task.background.load()) - 1
    expected = np.sum(1 / np.arange(1, count + 1)) / count
    assert abs(np.mean(scores) - expected) < 5 * np.std(scores) / np.sqrt(30) + 0.002


def test_a_constant_added_to_all_vectors_is_gone_after_centring(task):
    known = {name: RNG.normal(size=8) for name in task.background.load()}
    plain, moved = model(8, **known), model(8, offset=3.0, **known)
    for prepare, equal in ((Centred(), True), (AsTheyAre(), False)):
        one, other = (
            dataclasses.replace(task, prepare=prepare).run(m).examples["mean_rank"]
            for m in (plain, moved)
        )
        assert np.array_equal(one, other) == equal


def test_equal_vectors_for_all_texts_are_told_by_ties(task):
    metrics = task.run(lambda texts, role: np.ones((len(texts), 3), np.float32)).metrics
    assert metrics["mrr"] == 1 and metrics["tied"] == 1


def test_the_top_share_of_the_pairs_are_positives(task):
    problem = NearestPairs(inner=task.data, share=0.25).load()
    assert problem.gold.tolist() == [14, 15, 16, 17, 18, 19]
    assert problem.first[0] == "a14"
    assert from_json(to_json(task)) == task and from_json(to_json(PartnerRank())) == PartnerRank()


def test_other_splits_are_other_texts():
    task = PartnerRank()
    assert task.on("dev").data.inner.split == task.on("dev").background.pairs.split == "dev"
    assert task.on("dev").fingerprint() != task.fingerprint()


def test_real_sentences_and_words(shared_data):
    sts = PairFile(path=str(shared_data / "sts/stsb-en.tsv.gz"))
    men = PairFile(path=str(shared_data / "words/sim-men3k.tsv"))

    @functools.cache
    def letters(text):
        return np.bincount([ord(x) % 64 for x in text.lower()], minlength=64).astype(np.float32)

    tasks = [
        PartnerRank(name=name, data=NearestPairs(inner=pairs), background=PairTexts(pairs=pairs))
        for name, pairs in (("sentences", sts), ("words", men))
    ]
    results = evaluate(lambda texts, role: np.stack([letters(t) for t in texts]), tasks)
    # Sentences that mean the same share letters; words that do hardly do.
    assert results["sentences"].metrics["mrr"] > 0.3 > results["words"].metrics["mrr"]


def test_distances_of_long_vectors_are_not_lost_to_rounding():
    far = np.float32([[300.0, 400.0]])
    near = far + np.float32([[0.0, 0.01], [0.0, 0.03]])
    found = ByDistance()(far, near)
    np.testing.assert_allclose(1 / found - 1, np.linalg.norm(far - near, axis=1)[None], rtol=1e-3)
