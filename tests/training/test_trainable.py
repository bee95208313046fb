"""What moves beside low-rank additions: whole parts of the network."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb.adaptation import LoRA
from jaxemb.config import UsageError
from jaxemb.losses import InfoNCE
from jaxemb.pooling import LatentOverTokens
from jaxemb.training import SGD, Context, Steps, Train, WithParts
from jaxemb.training.trainable import count
from tests import toy

LORA = LoRA(rank=2, targets=("attention/query", "attention/value"))


def trained(model, trains, steps=3):
    stage = Train(
        data=toy.RandomTexts(batch_size=8),
        loss=InfoNCE(temperature=0.1),
        optimizer=SGD(learning_rate=0.5),
        trains=trains,
        budget=Steps(steps),
    )
    return stage.run(model, Context(key=jax.random.key(0)))


def pooled():
    made = toy.model(dropout=0.0)
    network = dataclasses.replace(made.embedder, pooling=LatentOverTokens(latents=2, heads=2))
    return dataclasses.replace(made, embedder=network, params=network.init(jax.random.key(1)))


def changed(before, after):
    flat = jax.tree_util.tree_flatten_with_path(before)[0]
    rest = jax.tree.leaves(after)
    assert len(flat) == len(rest)
    moved = (not np.array_equal(a, b) for (_, a), b in zip(flat, rest, strict=True))
    names = (jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in flat)
    return {name for name, is_moved in zip(names, moved, strict=True) if is_moved}


def test_additions_and_a_whole_pooling_move():
    model = pooled()
    moved = changed(model.params, trained(model, WithParts(inner=LORA)).params)
    assert any(name.startswith("pooling/") for name in moved)
    others = {name for name in moved if not name.startswith("pooling/")}
    assert others and all(
        name.endswith(("attention/query/kernel", "attention/value/kernel")) for name in others
    )


def test_without_parameters_in_the_parts_it_is_the_inner_one():
    model = toy.model(dropout=0.0)
    ours = trained(model, WithParts(inner=LORA)).params
    jax.tree.map(np.testing.assert_array_equal, ours, trained(model, LORA).params)


def test_what_is_kept_is_not_in_what_moves():
    model = pooled()
    moved, kept = WithParts(inner=LORA).split(model.params, jax.random.key(0))
    others = {name: tree for name, tree in model.params.items() if name != "pooling"}
    alone = LORA.split(others, jax.random.key(0))[0]
    assert count(moved) == count(alone) + count(model.params["pooling"])
    assert "pooling" not in kept
    joined = WithParts(inner=LORA).merged(moved, kept)
    jax.tree.map(np.testing.assert_array_equal, joined, model.params)
    with pytest.raises(UsageError, match="The network has no part 'tower'; it has tokens"):
        WithParts(inner=LORA, parts=("tower",)).split(model.params, jax.random.key(0))
