"""Hidden tokens and the scores of a network's output, against numpy over each text by itself."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxemb.config import UsageError
from jaxemb.evaluation import Background, HiddenTokens, evaluate
from jaxemb.heads import LanguageModelHead
from jaxemb.model import Embedding
from jaxemb.text import MASK, TextBatch, WordPiece
from tests import toy

TEXTS = ["sort a list of words", "open the file", "", "a", "join strings and numbers of a file"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Few(Background):
    """A handful of texts."""

    def load(self):
        return TEXTS


@pytest.fixture(scope="module")
def model():
    text = WordPiece(vocabulary=80, max_tokens=12)
    embedder = dataclasses.replace(toy.embedder(), text=text, output=LanguageModelHead())
    params = jax.jit(embedder.init)(jax.random.key(np.random.default_rng().integers(2**31)))
    return dataclasses.replace(
        toy.model(), embedder=embedder, params=params, tokenizer=text.train(TEXTS)
    )


def scored(model, **fields):
    task = HiddenTokens(data=Few(), **fields)
    return evaluate(Embedding(model), [task])[task.name], task


@pytest.mark.parametrize("share", [0.15, 0.5, 1.0])
def test_scores_are_those_of_each_text_by_itself(model, share):
    found, task = scored(model, share=share)
    sequences, targets = task._hidden(model, TEXTS)
    whole, right, surprise, owners = model.tokenizer.encode(TEXTS), [], [], []
    for n, (ids, target) in enumerate(zip(sequences, targets, strict=True)):
        places = np.flatnonzero(target >= 0)
        words = len(ids) - 2
        assert len(places) == min(words, max(1, round(share * words))) and words >= 0
        assert (ids[places] == MASK).all() and (target[places] == whole[n][places]).all()
        kept = np.setdiff1d(np.arange(len(ids)), places)
        np.testing.assert_array_equal(ids[kept], whole[n][kept])
        batch = TextBatch(ids[None], np.ones((1, len(ids)), bool))
        logits = np.asarray(model.embedder.logits(model.params, batch).vectors[0], np.float64)
        surprise += [-log_softmax(logits[p])[target[p]] for p in places]
        right += [float(logits[p].argmax() == target[p]) for p in places]
        owners += [n] * len(places)
    np.testing.assert_allclose(found.examples["cross_entropy"], surprise, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.examples["accuracy"], right)
    np.testing.assert_array_equal(found.examples["cluster"], owners)
    assert found.metrics["cross_entropy"] == pytest.approx(np.mean(surprise), rel=1e-5)
    assert found.metrics["accuracy"] == np.mean(right)


def test_what_is_hidden_depends_on_the_seed_and_texts_are_cut(model):
    def hidden(**fields):
        return [ids.tolist() for ids in HiddenTokens(**fields)._hidden(model, TEXTS)[0]]

    assert hidden(seed=1) == hidden(seed=1) != hidden(seed=2)
    assert max(map(len, hidden(max_tokens=5))) == 5
    found, _ = scored(model, sample=2)
    assert set(found.examples["cluster"]) == {0, 1}


def test_what_predicts_no_tokens_is_refused(model):
    with pytest.raises(UsageError, match="what is scored only gives vectors"):
        evaluate(lambda texts, role: np.ones((len(texts), 2)), [HiddenTokens(data=Few())])
    silent = dataclasses.replace(model, embedder=dataclasses.replace(model.embedder, output=None))
    with pytest.raises(UsageError, match="predicts no tokens"):
        scored(silent)
