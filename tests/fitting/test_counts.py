"""Token tables from counts against loops over a toy corpus, and the fits as a model sees them."""

import collections
import dataclasses
import math

import jax
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Bag
from jaxemb.fitting import PPMISVD, Vocabulary
from jaxemb.fitting.counts import cooccurrences, factors, frequencies, unit_rows
from jaxemb.model import Embedder, Model
from jaxemb.pooling import Mean
from jaxemb.text import WordPiece
from jaxemb.tokens import HashedNgrams, TokenTable

KEY = jax.random.key(0)
CORPUS = [
    np.array(ids, np.int32)
    for ids in ([2, 5, 6, 7, 5, 3], [2, 8, 6, 3], [2, 9, 3], [2, 3], [7, 7, 8], [2, 10, 1, 5, 3])
]
TEXTS = [
    "the cat sat on the mat", "the dog sat on the rug", "a cat and a dog", "the rug and the mat",
] * 5  # fmt: skip


def counted(sequences: list[np.ndarray], window: int) -> dict[tuple[int, int], float]:
    """Pairs by a loop: special tokens out, `1/distance`, both directions."""
    counts = collections.defaultdict(float)
    for sequence in sequences:
        words = [int(i) for i in sequence if i >= 5]
        for a, left in enumerate(words):
            for b, right in enumerate(words):
                if 1 <= abs(a - b) <= window:
                    counts[left, right] += 1 / abs(a - b)
    return counts


def information(counts: dict[tuple[int, int], float], size: int, part: PPMISVD) -> np.ndarray:
    row, context = np.zeros(size), np.zeros(size)
    for (i, j), n in counts.items():
        row[i] += n
        context[j] += n
    context = context**part.smoothing
    matrix = np.zeros((size, size))
    for (i, j), n in counts.items():
        pmi = math.log(n / (row[i] * context[j] / context.sum()))
        matrix[i, j] = max(0.0, pmi - math.log(part.shift))
    return matrix


def matrices(part: PPMISVD, size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """The fast one and the loop's."""
    fast = part.information(cooccurrences(CORPUS, size, part.window)).toarray()
    return fast, information(counted(CORPUS, part.window), size, part)


@pytest.mark.parametrize("window", [1, 2, 5, 100])
def test_counts_against_a_loop(window):
    fast = cooccurrences(CORPUS, 12, window).toarray()
    expected = np.zeros((12, 12))
    for pair, n in counted(CORPUS, window).items():
        expected[pair] = n
    np.testing.assert_allclose(fast, expected)
    assert fast.any()
    np.testing.assert_array_equal(fast, fast.T)


@pytest.mark.parametrize(
    "part",
    [PPMISVD(), PPMISVD(window=1, smoothing=1.0), PPMISVD(window=2, smoothing=0.5, shift=1.5)],
)
def test_information_against_a_loop(part):
    fast, expected = matrices(part)
    np.testing.assert_allclose(fast, expected, rtol=1e-5, atol=1e-6)
    assert fast.max() > 0


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_factors_span_the_leading_directions(power):
    """Rows' products do not depend on signs: `U S^2p Uᵀ`, from a full decomposition."""
    part = PPMISVD()
    matrix = part.information(cooccurrences(CORPUS, 12, part.window))
    rows = factors(matrix, 3, power).astype(np.float64)
    u, s, _ = np.linalg.svd(matrix.toarray())
    assert s[2] - s[3] > 1e-3, "the third direction must be well defined"
    expected = (u[:, :3] * s[:3] ** (2 * power)) @ u[:, :3].T
    np.testing.assert_allclose(rows @ rows.T, expected, atol=1e-4)


def test_a_table_wider_than_the_vocabulary_is_filled_with_zeros():
    part = PPMISVD()
    rows = factors(part.information(cooccurrences(CORPUS, 12, 5)), 20, 0.5)
    assert rows.shape == (12, 20)
    assert not rows[:, 12:].any()


def test_rows_are_brought_to_one_size_and_zeros_stay():
    rows = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1e-3]], np.float32)
    expected = [[0, 0], [3 * 2**0.5 / 5, 4 * 2**0.5 / 5], [0, 2**0.5]]
    np.testing.assert_allclose(unit_rows(rows), expected, rtol=1e-6)


def test_frequencies_are_shares_of_the_ordinary_tokens():
    """The corpus above has 12 of them."""
    share = frequencies(CORPUS, 12)
    np.testing.assert_allclose(share[5:], np.array([3, 2, 3, 2, 1, 1, 0]) / 12)
    assert not share[:5].any()
    assert not frequencies([], 12).any()


def model(width: int = 4) -> Model:
    embedder = Embedder(
        text=WordPiece(vocabulary=64, max_tokens=16),
        tokens=TokenTable(),
        encoder=Bag(width=width),
        pooling=Mean(),
    )
    return Model.create(embedder, KEY)


def fitted(part: PPMISVD, texts: list[str] = TEXTS) -> Model:
    return part.fit(Vocabulary().fit(model(), TEXTS, KEY), iter(texts), KEY)


def test_the_fit_is_the_same_whatever_the_key_and_leaves_the_model_alone():
    start = Vocabulary().fit(model(), TEXTS, KEY)
    before = np.asarray(start.params["tokens"]["embedding"]).copy()
    first, second = (PPMISVD().fit(start, TEXTS, jax.random.key(n)) for n in (0, 1))
    table = first.params["tokens"]["embedding"]
    np.testing.assert_array_equal(table, second.params["tokens"]["embedding"])
    np.testing.assert_array_equal(start.params["tokens"]["embedding"], before)
    assert table.shape == before.shape
    assert table.dtype == np.float32
    assert first.tokenizer is start.tokenizer


def test_the_table_inside_other_embeddings_is_fitted_and_the_rest_stays():
    embedder = model().embedder
    tokens = HashedNgrams(buckets=8, spread=0.0)
    start = Model.create(dataclasses.replace(embedder, tokens=tokens), KEY)
    done = PPMISVD().fit(Vocabulary().fit(start, TEXTS, KEY), TEXTS, KEY).params["tokens"]
    expected = fitted(PPMISVD()).params["tokens"]["embedding"]
    np.testing.assert_array_equal(done["inner"]["embedding"], expected)
    assert not np.asarray(done["table"]).any()


def test_tokens_that_never_occur_and_special_ones_are_zero():
    done = fitted(PPMISVD(), ["the cat sat"])
    table = np.asarray(done.params["tokens"]["embedding"])
    seen = {int(i) for i in done.tokenizer.encode(["the cat sat"])[0] if i >= 5}
    unseen = sorted(set(range(64)) - seen)
    assert len(seen) >= 3
    assert not table[unseen].any()
    assert np.any(table[sorted(seen)], axis=1).all()


def test_words_with_equal_neighbours_are_close():
    done = fitted(PPMISVD(window=2))
    words = {w: done.encode(w, normalize=True) for w in ("cat", "dog", "the")}
    assert words["cat"] @ words["dog"] > words["cat"] @ words["the"]


@pytest.mark.parametrize(
    "part",
    [PPMISVD(), PPMISVD(window=2, power=0.5, rarity=0.1), PPMISVD(window=2, rarity=None)],
    ids=["default", "scaled", "level"],
)
def test_the_table_is_the_corpus_written_out(part):
    """Products of rows, which do not depend on the signs of the directions."""
    done = fitted(part)
    sequences = done.tokenizer.encode(TEXTS)
    u, s, _ = np.linalg.svd(information(counted(sequences, part.window), 64, part))
    assert s[3] - s[4] > 1e-3, "the last direction must be well defined"
    rows = u[:, :4] * s[:4] ** part.power
    ids = [int(i) for sequence in sequences for i in sequence if i >= 5]
    for token in range(64):
        if token in ids:
            rows[token] *= 2 / np.linalg.norm(rows[token])
            if part.rarity is not None:
                rows[token] *= part.rarity / (part.rarity + ids.count(token) / len(ids))
        else:
            rows[token] = 0
    table = np.asarray(done.params["tokens"]["embedding"], np.float64)
    np.testing.assert_allclose(
        table @ table.T, rows @ rows.T, rtol=1e-3, atol=1e-3 * rows.max() ** 2
    )


def test_a_model_that_cannot_be_fitted_is_refused():
    with pytest.raises(UsageError, match="needs a TokenTable and a fitted tokenizer"):
        PPMISVD().fit(model(), TEXTS, KEY)
    without = dataclasses.replace(
        Vocabulary().fit(model(), TEXTS, KEY),
        params={"tokens": {}, "encoder": {}, "pooling": {}, "head": {}},
    )
    with pytest.raises(UsageError, match="needs a TokenTable"):
        PPMISVD().fit(without, TEXTS, KEY)


@pytest.mark.parametrize("texts", [[], [""], ["a"]])
def test_texts_without_neighbours_are_refused(texts):
    with pytest.raises(UsageError, match="no two neighbouring tokens"):
        fitted(PPMISVD(), texts)


def test_vocabulary_trains_the_embedders_own_tokenizer():
    done = Vocabulary().fit(model(), iter(TEXTS), KEY)
    assert done.tokenizer.to_json() == model().embedder.text.train(TEXTS).to_json()
    assert len(done.tokenizer.encode(["the cat"])[0]) == 4
