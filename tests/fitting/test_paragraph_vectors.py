"""Paragraph tables: the training is the written objective, and topics come apart."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxemb.config import UsageError
from jaxemb.encoders import Bag
from jaxemb.fitting import ParagraphTable, Vocabulary
from jaxemb.fitting.paragraph_vectors import _scaled, _towers
from jaxemb.heads import Identity
from jaxemb.losses import Dot
from jaxemb.model import Embedder, Model
from jaxemb.pooling import Mean, ParagraphBag, ParagraphMemory
from jaxemb.text import Words
from jaxemb.tokens import TokenTable
from jaxemb.training import Context

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
POOLINGS = pytest.mark.parametrize(
    "pooling",
    [ParagraphBag(alpha=0.05), ParagraphMemory(alpha=0.05, window=2)],
    ids=("bag", "memory"),
)


def documents(count):
    """Texts of two topics that share no word, in turn."""
    topics = [[f"a{n}" for n in range(20)], [f"b{n}" for n in range(20)]]
    return [" ".join(RNG.choice(topics[n % 2], 30)) for n in range(count)]


SEEN, FRESH = documents(40), documents(8)


def model(pooling, texts=SEEN, width=8):
    embedder = Embedder(
        text=Words(vocabulary=45, max_tokens=32),
        tokens=TokenTable(),
        encoder=Bag(width=width),
        pooling=pooling,
        head=Identity(),
        similarity=Dot(),
    )
    return Vocabulary().fit(Model.create(embedder, KEY), list(texts), KEY)


@POOLINGS
def test_fresh_texts_are_foreseen_and_topics_come_apart(pooling):
    start = model(pooling)
    estimator = ParagraphTable(steps=60, batch_size=256)
    fitted = estimator.fit(start, SEEN, KEY)
    again = estimator.fit(start, SEEN, KEY)
    np.testing.assert_array_equal(*(m.params["tokens"]["embedding"] for m in (fitted, again)))
    vectors = fitted.encode(FRESH, normalize=False)
    rows = np.asarray(pooling.rows(fitted.params["tokens"]["embedding"]))
    ids = fitted.tokenizer.encode(FRESH)
    if isinstance(pooling, ParagraphBag):  # the memory reads the topic off its context
        logs = log_softmax(vectors @ rows.T, axis=1)
        losses = [-np.mean(log[own]) for log, own in zip(logs, ids, strict=True)]
        assert max(losses) < np.log(40) - 0.3, "half of the words is ruled out"
        inside = np.linalg.norm(vectors[::2] - vectors[::2].mean(axis=0), axis=1).max()
        assert np.linalg.norm(vectors[::2].mean(axis=0) - vectors[1::2].mean(axis=0)) > 2 * inside
    else:
        half = rows.shape[1]
        context = np.asarray(fitted.params["tokens"]["embedding"])[:, half:]
        topics = [{int(i) for own in ids[n::2] for i in own} for n in (0, 1)]
        same, other = (
            np.mean([rows[i] @ context[j] for i in topics[0] for j in topics[n]]) for n in (0, 1)
        )
        assert same > other + 0.1, "a word foresees those of its topic"


def test_a_step_minimises_the_written_loss():
    """The loss that training reports at its start, from the batch's own positions."""
    pooling = ParagraphMemory(alpha=0.5, window=2)
    start = model(pooling, SEEN[:6])
    stage = ParagraphTable(steps=1, batch_size=16).stage(pooling, tuple(SEEN[:6]))
    towers = _towers(start.embedder, 6)
    params = _scaled(towers, KEY)
    params["word"]["tokens"]["embedding"] = jax.random.normal(KEY, (45, 4))
    begun = dataclasses.replace(start, embedder=towers, params=params)
    reports = []
    stage.run(begun, Context(key=KEY, report=reports.append))
    read, foreseen = (
        np.asarray(params[t]["tokens"]["embedding"], np.float64) for t in ("paragraph", "word")
    )
    batch = next(stage.data.batches(begun, seed=0))
    query = np.where(batch["query"].mask[0][..., None], read[batch["query"].ids[0]], 0).sum(axis=1)
    logs = log_softmax(query @ foreseen.T, axis=1)
    own = read[batch["paragraph"].ids[0, :, 0]]
    wanted = -logs[batch["relevant"][0]].mean() + 0.5 / 2 * np.mean(np.sum(own**2, axis=1))
    assert reports[0]["loss"] == pytest.approx(wanted, rel=1e-5)


def test_other_poolings_are_refused():
    with pytest.raises(UsageError, match="ParagraphBag or ParagraphMemory"):
        ParagraphTable().fit(model(Mean()), SEEN, KEY)
