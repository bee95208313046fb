"""Optimizers against the update written out, and patterns over parameter paths."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxemb.config import UsageError
from jaxemb.training import SGD, AdamW, Constant, Steps, WarmupCosine, WarmupLinear
from jaxemb.training.optimizers import mask, matches, paths

PARAMS = {
    "tokens": {"embedding": jnp.full((3, 2), 2.0)},
    "encoder": {
        "block_0": {"query": {"kernel": jnp.full((2, 2), 1.0), "bias": jnp.full(2, 1.0)}},
        "block_1": {"query": {"kernel": jnp.full((2, 2), -1.0), "bias": jnp.full(2, 0.5)}},
    },
    "pooling": {},
}
GRADIENT = jax.tree.map(lambda x: 0.1 * x, PARAMS)
QUIET = {"schedule": Constant(), "clip": None}


def changes(optimizer, steps: int = 1) -> dict[str, np.ndarray]:
    """What one update adds to each parameter, by path."""
    transform = optimizer.transform(PARAMS)
    directions, _ = transform.update(GRADIENT, transform.init(PARAMS), PARAMS)
    updates = jax.tree.map(lambda x: -optimizer.rates(steps)[0] * x, directions)
    return dict(zip(paths(PARAMS), map(np.asarray, jax.tree.leaves(updates)), strict=True))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("kernel", "encoder/block_0/query/kernel", True),
        ("kern", "encoder/block_0/query/kernel", False),
        ("encoder/block_*", "encoder/block_0/query/kernel", True),
        ("block_[1-9]/*/bias", "encoder/block_0/query/bias", False),
        ("block_[1-9]/*/bias", "encoder/block_1/query/bias", True),
        ("encoder/kernel", "encoder/block_0/query/kernel", False),
        ("*", "tokens/embedding", True),
        ("tokens/embedding/deeper", "tokens/embedding", False),
    ],
)
def test_a_pattern_matches_a_run_of_segments(pattern, path, expected):
    assert matches(pattern, path) is expected


def test_paths_and_masks_follow_the_tree():
    assert paths(PARAMS)[0] == "encoder/block_0/query/bias"
    chosen = mask(PARAMS, ("block_1", "embedding"))
    assert chosen["tokens"]["embedding"] and chosen["encoder"]["block_1"]["query"]["bias"]
    assert not chosen["encoder"]["block_0"]["query"]["kernel"]


def test_adamw_is_the_update_written_out():
    optimizer = AdamW(learning_rate=0.01, weight_decay=0.5, epsilon=1e-8, **QUIET)
    found = changes(optimizer)
    # The first step's bias-corrected moments are g and g squared: the direction is sign(g).
    kernel, bias = "encoder/block_1/query/kernel", "encoder/block_1/query/bias"
    np.testing.assert_allclose(found[kernel], -0.01 * (-1 + 0.5 * -1.0), rtol=1e-5)
    np.testing.assert_allclose(found[bias], -0.01, rtol=1e-5)


def test_adamw_follows_optax_over_steps():
    steps, ours = 5, AdamW(learning_rate=0.1, clip=0.3, weight_decay=0.1, schedule=WarmupLinear())
    theirs = optax.chain(
        optax.clip_by_global_norm(0.3),
        optax.adamw(
            lambda step: 0.1 * WarmupLinear()(step, steps),
            weight_decay=0.1,
            mask=mask(PARAMS, ("kernel",)),
        ),
    )
    results = []
    for transform, rates in (
        (ours.transform(PARAMS), -ours.rates(steps)),
        (theirs, np.ones(steps, np.float32)),
    ):
        params, state = PARAMS, transform.init(PARAMS)
        for step in range(steps):
            gradient = jax.tree.map(lambda x, step=step: jnp.cos(x + step), params)
            updates, state = transform.update(gradient, state, params)
            updates = jax.tree.map(lambda x, rate=rates[step]: rate * x, updates)
            params = optax.apply_updates(params, updates)
        results.append(jax.tree.leaves(params))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_frozen_parameters_stay_have_no_memory_and_no_part_in_the_norm():
    optimizer = AdamW(freezes=("tokens", "block_0"), learning_rate=0.1, **QUIET)
    found = changes(optimizer)
    assert not found["tokens/embedding"].any() and not found["encoder/block_0/query/kernel"].any()
    assert found["encoder/block_1/query/kernel"].all()
    memory = jax.tree.leaves(optimizer.transform(PARAMS).init(PARAMS))
    assert max(x.size for x in memory) == 4 and sum(x.size == 4 for x in memory) == 2
    expected = np.sqrt(4 * 0.1**2 + 2 * 0.05**2)
    np.testing.assert_allclose(optimizer.norm(GRADIENT), expected, rtol=1e-6)


def test_clipping_counts_what_moves_only():
    optimizer = SGD(learning_rate=1.0, schedule=Constant(), clip=0.01, freezes=("tokens",))
    length = np.sqrt(sum((x**2).sum() for x in changes(optimizer).values()))
    np.testing.assert_allclose(length, 0.01, rtol=1e-5)


def test_learning_rates_multiply_where_patterns_match():
    plain = changes(SGD(learning_rate=1.0, **QUIET))
    rates = (("encoder", 0.5), ("bias", 4.0))
    found = changes(SGD(learning_rate=1.0, learning_rates=rates, freezes=("tokens",), **QUIET))
    ratio = {path: np.mean(found[path] / plain[path]) for path in plain}
    assert ratio == {
        "encoder/block_0/query/bias": 2.0,
        "encoder/block_0/query/kernel": 0.5,
        "encoder/block_1/query/bias": 2.0,
        "encoder/block_1/query/kernel": 0.5,
        "tokens/embedding": 0.0,
    }


def test_momentum_is_a_running_sum():
    transform = SGD(learning_rate=1.0, momentum=0.5, **QUIET).transform(PARAMS)
    state = transform.init(PARAMS)
    _, state = transform.update(GRADIENT, state, PARAMS)
    updates, _ = transform.update(GRADIENT, state, PARAMS)
    np.testing.assert_allclose(updates["tokens"]["embedding"], 1.5 * 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"freezes": ("pooling",)},
        {"freezes": ("tokenz",)},
        {"learning_rates": (("encoder/block_9", 2.0),)},
        {"decays": ("kernels",)},
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_the_nearest(options):
    with pytest.raises(UsageError, match="matches no parameter; nearest: ") as caught:
        AdamW(**options).transform(PARAMS)
    if "tokenz" in options.get("freezes", ()):
        assert "tokens" in str(caught.value)
    if "learning_rates" in options:
        assert "encoder/block_" in str(caught.value)


def test_the_default_decay_may_match_nothing():
    bag = {"tokens": {"embedding": jnp.ones((2, 2))}}
    AdamW().transform(bag)


@pytest.mark.parametrize(
    "schedule", [Constant(warmup=0.2), WarmupLinear(warmup=0.2), WarmupCosine(warmup=0.2)]
)
def test_schedules_rise_and_end_where_they_say(schedule):
    steps = 50
    values = np.array([float(schedule(jnp.int32(step), steps)) for step in range(steps)])
    np.testing.assert_allclose(values[:10], np.arange(1, 11) / 10, rtol=1e-5)
    assert (values > 0).all() and (np.diff(values[9:]) <= 1e-6).all()
    progress = np.arange(40) / 40
    expected = {
        Constant: np.ones(40),
        WarmupLinear: 1 - progress,
        WarmupCosine: 0.5 * (1 + np.cos(np.pi * progress)),
    }[type(schedule)]
    np.testing.assert_allclose(values[10:], expected, atol=1e-6)


def test_impossible_settings_are_refused_when_built():
    for options in ({"learning_rate": -1.0}, {"clip": 0.0}):
        with pytest.raises(UsageError):
            AdamW(**options)
    with pytest.raises(UsageError, match="share of the budget"):
        WarmupCosine(warmup=10.0)
    with pytest.raises(UsageError):
        Steps(-1)
    assert Steps(100).scaled(0.25) == Steps(25) and Steps(1).scaled(0.1) == Steps(1)
