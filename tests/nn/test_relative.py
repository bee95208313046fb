"""Positions that act on scores, and rotations that are stretched."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.nn import (
    BackwardLinearBias,
    BandScaling,
    DynamicNTKScaling,
    Learned,
    LinearBias,
    LinearScaling,
    NTKScaling,
    RelativeBuckets,
    Rotary,
    YarnScaling,
)
from jaxemb.nn.relative import slopes

WIDTH, BASE = 16, 10000.0
PLAIN = BASE ** (-np.arange(0, WIDTH, 2) / WIDTH)


def turned(scaling, tokens=9, share=1.0):
    x = np.random.default_rng(0).normal(size=(1, 2, tokens, WIDTH)).astype(np.float32)
    rotary = Rotary(scaling=scaling, share=share)
    return x, np.asarray(rotary.apply({}, jnp.asarray(x), method="rotate"))


def test_interpolated_positions_are_positions_over_the_factor():
    x, found = turned(LinearScaling(factor=4.0))
    angle = np.arange(9)[:, None] / 4.0 * PLAIN
    pairs = (x[..., :8] + 1j * x[..., 8:]) * np.exp(1j * angle)
    np.testing.assert_allclose(found, np.concatenate([pairs.real, pairs.imag], -1), atol=1e-5)


def test_a_larger_base_keeps_the_fastest_pair_and_interpolates_the_slowest():
    found = NTKScaling(factor=4.0).frequencies(BASE, WIDTH, 9) / PLAIN
    np.testing.assert_allclose(found[[0, -1]], [1.0, 0.25], rtol=1e-12)
    assert np.all(np.diff(found) < 0)
    dynamic = DynamicNTKScaling(factor=4.0, trained_tokens=100)
    np.testing.assert_array_equal(dynamic.frequencies(BASE, WIDTH, 100), PLAIN)
    longer = dynamic.frequencies(BASE, WIDTH, 200) / PLAIN
    np.testing.assert_allclose(longer[-1], 1 / 5, rtol=1e-12)  # 4 * 2 - 3


def test_ramps_keep_fast_pairs_and_interpolate_slow_ones():
    part = YarnScaling(factor=4.0, trained_tokens=256, fast=8.0, slow=1.0)
    ratio = part.frequencies(BASE, WIDTH, 9) / PLAIN
    turns = 256 * PLAIN / (2 * math.pi)
    np.testing.assert_allclose(ratio[turns > 8 * 4], 1.0)
    np.testing.assert_allclose(ratio[turns < 1 / 4], 0.25)
    assert np.all(np.diff(ratio) <= 1e-12)
    x, found = turned(part)
    size = 0.1 * math.log(4) + 1
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=-1), size * np.linalg.norm(x, axis=-1), rtol=1e-5
    )


def test_bands_are_told_by_the_wavelength():
    part = BandScaling(factor=8.0, trained_tokens=512, slow=1.0, fast=4.0)
    ratio = part.frequencies(BASE, WIDTH, 9) / PLAIN
    for f, r in zip(PLAIN, ratio, strict=True):
        wave = 2 * math.pi / f
        if wave < 512 / 4:
            assert r == pytest.approx(1.0)
        elif wave > 512:
            assert r == pytest.approx(1 / 8)
        else:
            smooth = (512 / wave - 1) / 3
            assert r == pytest.approx((1 - smooth) / 8 + smooth)


def test_a_share_of_the_features_is_turned():
    x, found = turned(Rotary().scaling, share=0.5)
    np.testing.assert_array_equal(found[..., 8:], x[..., 8:])
    alone = Rotary().apply({}, jnp.asarray(x[..., :8]), method="rotate")
    np.testing.assert_array_equal(found[..., :8], alone)


def bucket(distance: int, buckets: int, farthest: int) -> int:
    """One distance `key - query` at a time, as T5's text has it."""
    half = buckets // 2
    base = half if distance > 0 else 0
    distance = abs(distance)
    if distance < half // 2:
        return base + distance
    far = math.log(distance / (half // 2)) / math.log(farthest / (half // 2)) * (half - half // 2)
    return base + min(half // 2 + int(far + 1e-6), half - 1)


def test_buckets_widen_with_the_distance():
    part, tokens = RelativeBuckets(buckets=16, farthest=40), 60
    table = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    found = part.apply({"params": {"embedding": table}}, tokens, 3, method="bias")
    assert found.shape == (1, 3, tokens, tokens)
    for q, k in np.ndindex(tokens, tokens):
        np.testing.assert_array_equal(found[0, :, q, k], table[bucket(k - q, 16, 40)])


def test_slopes_of_powers_of_two_and_of_others():
    np.testing.assert_allclose(slopes(8), 2.0 ** -np.arange(1, 9))
    assert len(slopes(12)) == 12 == len(set(slopes(12)))
    np.testing.assert_allclose(slopes(12)[:8], slopes(8))


def test_linear_biases_fall_with_the_distance():
    both = np.asarray(LinearBias().bias(6, 2))[0]
    back = np.asarray(BackwardLinearBias().bias(6, 2))[0]
    for h, q, k in np.ndindex(2, 6, 6):
        assert both[h, q, k] == pytest.approx(-slopes(2)[h] * abs(q - k))
        assert back[h, q, k] == pytest.approx(-slopes(2)[h] * max(q - k, 0))


@pytest.mark.parametrize("part", [LinearBias(), BackwardLinearBias()])
def test_a_longer_text_s_biases_begin_with_a_shorter_one_s(part):
    short, long = (np.asarray(part.bias(tokens, 12)) for tokens in (64, 128))
    np.testing.assert_array_equal(long[:, :, :64, :64], short)
    assert np.array_equal(short, np.swapaxes(short, 2, 3)) == (type(part) is LinearBias)


def test_other_positions_are_told_besides():
    part, x = RelativeBuckets(inner=Learned(max_tokens=9)), jnp.ones((2, 5, 4))
    y, variables = part.init_with_output(jax.random.key(0), x, method="embed")
    np.testing.assert_array_equal(y, x + variables["params"]["inner"]["embedding"][:5])
