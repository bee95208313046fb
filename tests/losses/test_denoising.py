"""A text from the vector of its damaged self: the mean over pieces, what is seen, and training."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.data import Deleted, GivenTexts, Texts
from jaxemb.encoders import Bag
from jaxemb.heads import CausalDecoder
from jaxemb.losses import Denoising, Embedded, LossState, reduce
from jaxemb.model import Embedder, Model
from jaxemb.pooling import Mean
from jaxemb.text import Bytes
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, GradCache, Steps, Train
from jaxemb.training.loop import train
from tests.losses.samples import V, as_jax, damaged

KEY = jax.random.key(0)
LOSS = Denoising(decoder=CausalDecoder(vocabulary=V, heads=2))


def drawn(rows: int):
    given = damaged(np.random.default_rng(), rows)
    return given, as_jax(given)


def test_the_loss_is_the_mean_over_all_pieces_that_follow_one():
    given, columns = drawn(6)
    state = jax.jit(LOSS.init)(KEY, columns)
    found = reduce(jax.jit(LOSS.apply)(state, columns, key=KEY)[0])[0]
    whole = columns["positive"].extra
    logits = jax.jit(LOSS.decoder.apply)(
        {"params": state.params}, columns["query"], whole["ids"], whole["mask"]
    )
    logits = np.asarray(logits, np.float64)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    total = count = 0.0
    for row, weight in enumerate(given["weight"]):
        for t in range(1, int(np.sum(whole["mask"][row]))):
            total -= weight * logs[row, t - 1, whole["ids"][row, t]]
            count += weight
    np.testing.assert_allclose(found, total / count, rtol=1e-5)


def test_a_piece_is_read_off_the_vector_and_what_stands_before_it():
    _, columns = drawn(4)
    ids, mask = jnp.arange(20).reshape(4, 5) % V, jnp.ones((4, 5), bool)
    params = jax.jit(LOSS.decoder.init)(KEY, columns["query"], ids, mask)

    def logits(vectors, ids, mask=mask):
        return LOSS.decoder.apply(params, vectors, ids, mask)

    before = logits(columns["query"], ids)
    later = logits(columns["query"], ids.at[:, 3].add(1))
    np.testing.assert_array_equal(before[:, :3], later[:, :3])
    assert not np.allclose(before[:, 3:], later[:, 3:])
    assert not np.allclose(before[:, 0], logits(1 - columns["query"], ids)[:, 0])
    # Padding on the left moves a text and changes nothing else.
    moved = jnp.pad(ids, ((0, 0), (2, 0))), jnp.pad(mask, ((0, 0), (2, 0)))
    np.testing.assert_allclose(logits(columns["query"], *moved)[:, 2:], before, atol=1e-5)


def test_the_ids_of_padding_do_not_matter():
    _, columns = drawn(5)
    extra = columns["positive"].extra
    ids = jnp.where(extra["mask"], extra["ids"], V - 1 - extra["ids"])
    other = columns | {"positive": Embedded(jnp.zeros((5, 1)), extra={**extra, "ids": ids})}
    state = LossState(jax.jit(LOSS.init)(KEY, columns).params, {})
    one, two = (jax.jit(LOSS.apply)(state, x, key=KEY)[0]["token"] for x in (columns, other))
    np.testing.assert_array_equal(one.value, two.value)


def test_an_encoder_learns_to_hold_what_was_deleted():
    words = ("sort", "merge", "split", "join", "search", "insert", "append", "remove")
    network = Embedder(
        text=Bytes(max_tokens=8), tokens=TokenTable(), encoder=Bag(width=16), pooling=Mean()
    )
    model = Model.create(network, KEY)
    model = dataclasses.replace(model, tokenizer=network.text.train())
    texts = Texts(source=GivenTexts(texts=words), fields=("text",), batch_size=8)
    stage = Train(
        data=Deleted(inner=texts, share=0.4),
        loss=Denoising(
            decoder=CausalDecoder(vocabulary=261, heads=2), column="damaged", target="query"
        ),
        optimizer=AdamW(learning_rate=1e-2),
        gradients=GradCache(chunk=4),
        budget=Steps(60),
    )
    told = []
    moved = train(model, stage, key=KEY, seed=0, report=told.append)
    losses = [one["loss"] for one in told]
    assert losses[-1] < 1.2 < 5 < losses[0]
    before, after = (np.asarray(m.encode(["sort"])) for m in (model, moved))
    assert not np.allclose(before, after)
