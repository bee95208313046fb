"""Similarity of words, known and met a few times, against brute force."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from jaxemb.config import UsageError
from jaxemb.evaluation import FewShotSimilarity, LeftOut, WordSimilarity
from tests.evaluation.words.word_sets import PAIRS, RNG, cos, model, of


def test_similarity_is_spearman_of_the_cosines(pairs):
    embed = model()
    result = WordSimilarity(data=pairs).run(embed)
    cosines = [cos(*of(embed, a, b)) for a, b in PAIRS]
    expected = spearmanr(cosines, pairs.load().gold).statistic
    assert result.metrics == pytest.approx({"spearman": expected, "coverage": 1.0})


def test_unknown_words_are_neutral_or_left_out(pairs):
    embed = model(h=np.zeros(5))
    known = np.array(["h" not in pair for pair in PAIRS])
    cosines = np.array(
        [cos(*of(embed, a, b)) if ok else np.nan for (a, b), ok in zip(PAIRS, known, strict=True)]
    )
    gold = pairs.load().gold
    counted = WordSimilarity(data=pairs).run(embed)
    filled = np.where(known, cosines, np.nanmean(cosines))
    assert counted.metrics["spearman"] == pytest.approx(spearmanr(filled, gold).statistic)
    assert counted.metrics["coverage"] == pytest.approx(21 / 28)
    left = WordSimilarity(data=pairs, unknown=LeftOut()).run(embed)
    assert len(left.examples["gold"]) == 21
    assert left.metrics["spearman"] == pytest.approx(
        spearmanr(cosines[known], gold[known]).statistic
    )
    with pytest.raises(UsageError, match="no vectors"):
        WordSimilarity(data=pairs, unknown=LeftOut()).run(
            lambda texts, role: np.zeros((len(texts), 2))
        )


def test_rotation_and_scale_do_not_matter(pairs):
    embed = model()
    turn = np.linalg.qr(RNG.normal(size=(5, 5)))[0]

    def turned(texts, role):
        return (3 * embed(texts, role) @ turn).astype(np.float32)

    one, other = (WordSimilarity(data=pairs).run(m).metrics["spearman"] for m in (embed, turned))
    assert one == pytest.approx(other)


# --- words met a few times


def test_few_shot_similarity_is_that_of_the_contexts_mean(contexts):
    embed = model()
    result = FewShotSimilarity(data=contexts, contexts=50).run(embed)
    means = {
        f"r{n}": np.mean(of(embed, *(f"r{n} in {m}" for m in range(5))), axis=0) for n in range(6)
    }
    expected = [cos(of(embed, f"w{n}")[0], means[f"r{n % 6}"]) for n in range(24)]
    np.testing.assert_allclose(result.examples["prediction"], expected, atol=1e-5)
    gold = [n % 7 for n in range(24)]
    assert result.metrics["spearman"] == pytest.approx(spearmanr(expected, gold).statistic)
    assert len(np.unique(result.examples["cluster"])) == 6


def test_more_contexts_are_supersets_and_average_noise_away(contexts):
    seen = {}
    meaning = {f"r{n}": np.random.default_rng(n).normal(size=8) for n in range(6)}

    def embed(texts, role):
        seen.setdefault(len(seen), set()).update(t for t in texts if " in " in t)
        noise = [np.random.default_rng(list(t.encode())).normal(size=8) for t in texts]
        known = [3 * meaning.get(t.split()[0], 0 * noise[0]) for t in texts]
        return np.asarray(np.add(noise, known), np.float32)

    one, three = (FewShotSimilarity(data=contexts, contexts=count) for count in (1, 3))
    seen_by = []
    for task in (one, three):
        seen.clear()
        task.run(embed)
        seen_by.append(set().union(*seen.values()))
    assert seen_by[0] < seen_by[1]
    with pytest.raises(UsageError, match="at least 1"):
        FewShotSimilarity(data=contexts, contexts=0)
