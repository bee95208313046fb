"""Texts from their vectors: the mean over real tokens, and an encoder trained through the loop."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.data import GivenTexts, Texts
from jaxemb.encoders import RecursiveConvolutional
from jaxemb.heads import Identity, RecursiveDecoder
from jaxemb.losses import Embedded, LossState, Reconstruction, reduce
from jaxemb.model import Embedder, Model
from jaxemb.pooling import FirstTokens
from jaxemb.text import Bytes
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Steps, Train
from jaxemb.training.loop import train
from tests.losses.samples import spelled

KEY = jax.random.key(0)
LOSS = Reconstruction(decoder=RecursiveDecoder(vocabulary=7, blocks=1))


def test_the_loss_is_the_mean_over_all_real_tokens():
    rng = np.random.default_rng()
    columns = spelled(rng, 5)
    found = jax.tree.map(jnp.asarray, columns["query"])
    state = jax.jit(LOSS.init)(KEY, {"query": found})
    weight = jnp.asarray(columns["weight"], jnp.float32)
    terms, _ = jax.jit(LOSS.apply)(state, {"query": found, "weight": weight}, key=KEY)
    logits = jax.jit(LOSS.decoder.apply)(
        {"params": state.params}, found.vectors, found.extra["mask"]
    )
    logits = np.asarray(logits, np.float64)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    total = count = 0.0
    for b, length in enumerate(found.extra["mask"].sum(1)):
        for t in range(int(length)):
            total -= columns["weight"][b] * logs[b, t, found.extra["ids"][b, t]]
            count += columns["weight"][b]
    np.testing.assert_allclose(reduce(terms)[0], total / count, rtol=1e-5)


def test_the_ids_of_padding_do_not_matter():
    columns = spelled(np.random.default_rng(), 4)
    found = jax.tree.map(jnp.asarray, columns["query"])
    ids = jnp.where(found.extra["mask"], found.extra["ids"], 6 - found.extra["ids"])
    other = Embedded(found.vectors, extra={**found.extra, "ids": ids})
    state = LossState(jax.jit(LOSS.init)(KEY, {"query": found}).params, {})
    values = [
        jax.jit(LOSS.apply)(state, {"query": x}, key=KEY)[0]["token"].value for x in (found, other)
    ]
    np.testing.assert_array_equal(*values)


def test_an_encoder_learns_to_hold_its_texts():
    words = ("sort", "merge", "split", "join", "search", "insert", "append", "remove")
    network = Embedder(
        text=Bytes(max_tokens=8),
        tokens=TokenTable(),
        encoder=RecursiveConvolutional(width=16, blocks=1),
        pooling=FirstTokens(tokens=4),
        head=Identity(),
    )
    model = Model.create(network, KEY)
    model = dataclasses.replace(model, tokenizer=network.text.train())
    stage = Train(
        data=Texts(source=GivenTexts(texts=words), fields=("text",), batch_size=8),
        loss=Reconstruction(decoder=RecursiveDecoder(blocks=1)),
        optimizer=AdamW(learning_rate=1e-2),
        budget=Steps(40),
    )
    told = []
    train(model, stage, key=KEY, seed=0, report=told.append)
    losses = [one["loss"] for one in told]
    assert losses[-1] < 1 < np.log(261) < losses[0]
