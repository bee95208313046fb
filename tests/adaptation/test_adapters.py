"""Bottlenecks and prefixes beside numpy; what moves, what starts as it was, what is saved."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxemb
from jaxemb.adaptation import BottleneckAdapters, Compressed, EightBits, LoRA, PrefixAdapters
from jaxemb.config import UsageError, from_json, to_json
from jaxemb.losses import InfoNCE
from jaxemb.nn import Causal, Dense, LinearBias, MultiHead, SelfAttention
from jaxemb.training import AdamW, Only, Steps, Train
from jaxemb.training.loop import train
from jaxemb.training.optimizers import paths
from tests import toy

RNG = np.random.default_rng()
KEY = jax.random.key(0)


def normals(tree):
    return jax.tree.map(lambda x: jnp.asarray(0.5 * RNG.normal(size=x.shape), jnp.float32), tree)


def test_a_bottleneck_reads_what_a_map_gives_and_adds_to_it():
    layer, x = Dense(features=5), jnp.asarray(RNG.normal(size=(2, 3, 4)), jnp.float32)
    params = normals(jax.eval_shape(layer.init, KEY, x)["params"])
    part = BottleneckAdapters(width=2, targets=("output",))
    moved, kept = part.split({"output": params}, KEY)
    assert kept == {"output": params}
    first = moved["adapters"]["output"]
    plain = jax.jit(layer.apply)({"params": params}, x)
    np.testing.assert_array_equal(
        jax.jit(layer.apply)({"params": params, "adapters": first}, x), plain
    )
    own = normals(first)
    y = np.asarray(jax.jit(layer.apply)({"params": params}, x), np.float64)
    hidden = y @ own["down"] + own["down_bias"]
    hidden = 0.5 * hidden * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)))
    expected = y + hidden @ own["up"] + own["up_bias"]
    found = jax.jit(layer.apply)({"params": params, "adapters": own}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [None, 1])
def test_every_token_reads_a_prefix_beside_the_tokens_it_may_read(groups):
    width, heads, tokens, prefix = 8, 2, 4, 3
    layer = SelfAttention(heads=heads, form=MultiHead(key_value_heads=groups))
    x = jnp.asarray(RNG.normal(size=(2, tokens, width)), jnp.float32)
    mask = jnp.asarray([[True] * 4, [True, True, False, False]])
    allowed, bias = Causal()(mask), LinearBias().bias(tokens, heads)
    params = normals(jax.eval_shape(layer.init, KEY, x, allowed)["params"])
    part = PrefixAdapters(tokens=prefix)
    moved, _ = part.split({"attention": params}, KEY)
    own = normals(moved["adapters"]["attention"])
    found = jax.jit(layer.apply)({"params": params, "adapters": own}, x, allowed, bias=bias)

    wide = {n: {k: np.asarray(v, np.float64) for k, v in p.items()} for n, p in params.items()}
    q, k, v = (
        np.asarray(x) @ wide[n]["kernel"] + wide[n]["bias"] for n in ("query", "key", "value")
    )
    k, v = (
        np.concatenate([np.broadcast_to(own[f"prefix_{n}"], (2, *own[f"prefix_{n}"].shape)), a], 1)
        for n, a in (("key", k), ("value", v))
    )
    size, every = width // heads, []
    for h in range(heads):
        g = slice(0, size) if groups == 1 else slice(h * size, (h + 1) * size)
        scores = np.einsum("bqd,bkd->bqk", q[..., h * size : (h + 1) * size], k[..., g]) / size**0.5
        scores[..., prefix:] += np.asarray(bias)[0, h]
        scores[..., prefix:] = np.where(np.asarray(allowed)[:, 0], scores[..., prefix:], -1e30)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        every.append((weights / weights.sum(-1, keepdims=True)) @ v[..., g])
    expected = np.concatenate(every, -1) @ wide["output"]["kernel"] + wide["output"]["bias"]
    real = np.asarray(mask)
    np.testing.assert_allclose(np.asarray(found)[real], expected[real], rtol=1e-4, atol=1e-4)


def trained(model, trains, steps: int = 3):
    stage = Train(
        data=toy.RandomTexts(), loss=InfoNCE(), optimizer=AdamW(learning_rate=1e-2),
        trains=trains, budget=Steps(steps),
    )  # fmt: skip
    return train(model, stage, key=KEY, seed=0)


def same(a, b) -> bool:
    return all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.parametrize("trains", [BottleneckAdapters(width=3), PrefixAdapters(tokens=2)])
def test_the_network_stays_and_what_was_added_is_saved_and_trained_on(trains, tmp_path):
    model = toy.model(dropout=0.0)
    done = trained(model, trains)
    added = done.params["adapters"]
    assert same({n: x for n, x in done.params.items() if n != "adapters"}, model.params)
    assert sorted(added) == ["encoder"] and len(added["encoder"]) == 2
    assert all(np.abs(x).max() > 0 for x in jax.tree.leaves(added))
    texts = ["a toy", "another one"]
    assert not np.allclose(done.encode(texts), model.encode(texts), atol=1e-4)
    done.save(tmp_path / "model")
    again = jaxemb.load(tmp_path / "model")
    np.testing.assert_array_equal(again.encode(texts), done.encode(texts))
    moved, _ = trains.split(again.params, jax.random.key(9))
    assert same(moved["adapters"], added), "a later stage goes on with them"
    low, kept = LoRA(rank=2).split(again.params, KEY)
    joined = LoRA(rank=2).join(low, kept)["adapters"]["encoder"]["block_0"]["attention"]
    assert "a" in joined["query"]
    assert "down" in joined.get("output", {}) or "prefix_key" in joined
    assert from_json(to_json(trains)) == trains


def test_biases_alone_are_a_small_share():
    model = toy.model(dropout=0.0)
    moved, kept = Only(patterns=("bias",)).split(model.params, KEY)
    names = [[path.rpartition("/")[2] for path in paths(tree)] for tree in (moved, kept)]
    assert set(names[0]) == {"bias"} and "bias" not in names[1]
    sizes = [sum(x.size for x in jax.tree.leaves(tree)) for tree in (moved, kept)]
    assert sizes[0] < 0.05 * sizes[1]


def test_a_base_of_eight_bits_lies_beside_what_moves():
    model = toy.model(dropout=0.0)
    done = trained(model, Compressed(inner=LoRA(rank=2), storage=EightBits()), steps=2)
    assert jax.tree.structure(done.params) == jax.tree.structure(model.params)
    kernel = "encoder", "block_0", "feed_forward", "expand", "kernel"
    before, after = model.params, done.params
    for name in kernel:
        before, after = before[name], after[name]
    scale = np.abs(before).max(0) / 127
    assert np.abs(after - before).max() > 0 and (np.abs(after - before) <= scale / 2 * 1.001).all()


def test_what_cannot_be_added_to_is_refused():
    params = toy.model().params
    with pytest.raises(UsageError, match="No attention stands under"):
        PrefixAdapters(targets=("feed_forward",)).split(params, KEY)
    with pytest.raises(UsageError, match="matches no parameter"):
        BottleneckAdapters(targets=("feed_forwards",)).split(params, KEY)
    unread = BottleneckAdapters(width=2, targets=("attention/query",))
    with pytest.raises(UsageError, match="cannot add to encoder/block_0/attention/query"):
        trained(toy.model(), unread)


def test_a_tower_s_additions_reach_it():
    from jaxemb.model import Tower, Towers

    one = toy.embedder(layers=1, dropout=0.0)
    two = dataclasses.replace(one, encoder=dataclasses.replace(one.encoder, dropout=0.0))
    towers = Towers(
        towers=(
            Tower(name="query", network=one, columns=("query",)),
            Tower(name="document", network=two, columns=("positive",), shares=("encoder",)),
        )
    )
    params = jax.jit(towers.init)(KEY)
    part = BottleneckAdapters(width=2)
    moved, kept = part.split(params, KEY)
    joined = part.join(jax.tree.map(jnp.ones_like, moved), kept)
    batch = toy.text(RNG, 2)
    for name in ("query", "document"):
        own = towers.params_of(joined, name)
        plain = towers.params_of(params, name)
        network = towers.by_name[name]
        assert not np.allclose(
            jax.jit(network.apply)(own, batch), jax.jit(network.apply)(plain, batch), atol=1e-3
        )
