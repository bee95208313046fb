"""Edits of words at a place, and the regression of a document's vector on its sentences'."""

import numpy as np
import pytest

from jaxemb.analysis import inserted, removed, sentence_weights
from jaxemb.config import UsageError
from jaxemb.statistics.metrics import slope


@pytest.mark.parametrize("size", [0.05, 0.1, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("position", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7, 50, 61])
def test_edits_change_nothing_but_one_block(size, position, count):
    words, needle = [f"w{n}" for n in range(count)], [f"x{n}" for n in range(7)]
    longer = inserted(words, needle, size, position)
    block = [place for place, word in enumerate(longer) if word[0] == "x"]
    assert len(block) == max(1, int(size * count))
    assert block == list(range(block[0], block[0] + len(block)))
    assert [word for word in longer if word[0] == "w"] == words
    assert block[0] == int(position * count)
    shorter = removed(words, size, position)
    gone = [word for word in words if word not in shorter]
    assert len(gone) == int(size * count) and [w for w in words if w not in gone] == shorter
    if gone and position in (0.0, 1.0):
        assert gone == (words[: len(gone)] if position == 0.0 else words[-len(gone) :])
    if gone:
        start = count * (position - size * position)  # the block's start before rounding
        assert abs(words.index(gone[0]) - start) <= 1


def test_weights_are_the_normal_equations_and_have_unit_length():
    rng = np.random.default_rng(2)
    sentences, document = rng.normal(size=(7, 20)), rng.normal(size=20)
    found = sentence_weights(sentences.astype(np.float32), document.astype(np.float32))
    weights = np.linalg.solve(sentences @ sentences.T, sentences @ document)
    expected = weights / np.sqrt(np.sum(weights**2))
    np.testing.assert_allclose(found.coefficients, expected, atol=1e-5)
    left = document - weights @ sentences
    assert found.explained == pytest.approx(1 - (left @ left) / (document @ document), abs=1e-5)
    larger = sentence_weights(sentences, 9 * document)
    np.testing.assert_allclose(larger.coefficients, expected, atol=1e-12)


def test_known_decay_has_its_known_slope_and_flat_weights_none():
    basis, place = np.eye(20, 64), np.arange(20) / 20
    decaying = sentence_weights(basis, np.exp(-3 * place) @ basis)
    assert slope(decaying.coefficients, place) == pytest.approx(-0.457, abs=5e-4)
    assert decaying.explained == pytest.approx(1)
    flat = sentence_weights(basis, np.ones(20) @ basis)
    assert abs(slope(flat.coefficients, place)) < 1e-12


def test_as_many_sentences_as_dimensions_are_refused():
    rng = np.random.default_rng(4)
    with pytest.raises(UsageError, match="8 sentences cannot be told apart in 8 dimensions"):
        sentence_weights(rng.normal(size=(8, 8)), rng.normal(size=8))
    empty = sentence_weights(np.zeros((2, 4)), np.zeros(4))
    assert empty.coefficients.tolist() == [0, 0] and empty.explained == 0


def test_slope_is_that_of_scipy_and_of_least_squares_with_covariates():
    from scipy.stats import linregress

    rng = np.random.default_rng(8)
    x, other = rng.normal(size=(2, 50))
    y = 2 * x - 3 * other + rng.normal(size=50)
    assert slope(y, x) == pytest.approx(linregress(x, y).slope)
    design = np.stack([x, other, np.ones(50)], axis=1)
    expected = np.linalg.lstsq(design, y, rcond=None)[0][0]
    assert slope(y, x, other) == pytest.approx(expected) and slope(y, x, other) != slope(y, x)
    assert slope(y, np.full(50, 3.0)) == 0 == slope(y, 2 * other + 1, other)
