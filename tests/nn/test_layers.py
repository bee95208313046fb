"""Layers beside their textbook forms in numpy float64."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxemb.config import UsageError
from jaxemb.nn import (
    GELU,
    Bidirectional,
    Causal,
    Dense,
    ExactGELU,
    FeedForward,
    GatedFeedForward,
    LayerNorm,
    Learned,
    NoPosition,
    RMSNorm,
    Rotary,
    SelfAttention,
    SiLU,
    Sinusoidal,
)
from jaxemb.nn.dense import DenseMap, Map, matmul, side_by_side


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def random_params(module, *inputs, seed=0):
    """Parameters of the module's shapes with nothing at 0 or 1."""
    shapes = jax.eval_shape(module.init, jax.random.key(0), *inputs).get("params", {})
    leaves, tree = jax.tree.flatten(shapes)
    drawn = [normal(*leaf.shape, seed=seed + i) / 3 for i, leaf in enumerate(leaves)]
    return {"params": jax.tree.unflatten(tree, drawn)}


def doubles(tree):
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def affine(p, x):
    return x @ p["kernel"] + p["bias"]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("order", ["bidirectional", "causal"])
def test_self_attention_is_its_formula(order):
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
    x = normal(2, 5, 8)
    allowed = (Causal() if order == "causal" else Bidirectional())(jnp.asarray(mask))
    layer = SelfAttention(heads=2)
    variables = random_params(layer, x, allowed)
    p = doubles(variables["params"])

    def heads(name):
        return affine(p[name], np.asarray(x, np.float64)).reshape(2, 5, 2, 4).transpose(0, 2, 1, 3)

    scores = heads("query") @ heads("key").swapaxes(-1, -2) / 2.0
    may = mask[:, None, None, :] & (np.tril(np.ones((5, 5), bool)) if order == "causal" else True)
    y = softmax(np.where(may, scores, -1e300)) @ heads("value")
    expected = affine(p["output"], y.transpose(0, 2, 1, 3).reshape(2, 5, 8))
    np.testing.assert_allclose(jax.jit(layer.apply)(variables, x, allowed), expected, atol=1e-5)


def test_a_row_of_padding_stays_finite_with_its_gradient():
    x, allowed = normal(2, 3, 4), Bidirectional()(jnp.array([[True] * 3, [False] * 3]))
    layer = SelfAttention(heads=1)
    variables = random_params(layer, x, allowed)
    value, slope = jax.value_and_grad(lambda x: jnp.sum(layer.apply(variables, x, allowed) ** 2))(x)
    assert np.isfinite(value) and np.isfinite(slope).all()


def test_heads_must_divide_the_width():
    allowed = Bidirectional()(jnp.ones((1, 3), bool))
    with pytest.raises(UsageError, match="width of 10 cannot be cut into 4 heads"):
        jax.jit(SelfAttention(heads=4).init)(jax.random.key(0), jnp.ones((1, 3, 10)), allowed)


def test_layer_norm_is_its_formula():
    x = 3 + 2 * normal(2, 3, 8)
    variables = random_params(LayerNorm(), x)
    p, wide = doubles(variables["params"]), np.asarray(x, np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(
        jax.jit(LayerNorm().apply)(variables, x), expected * p["scale"] + p["bias"], atol=1e-5
    )


def test_rms_norm_is_its_formula():
    x = 3 + 2 * normal(2, 3, 8)
    variables = random_params(RMSNorm(), x)
    wide = np.asarray(x, np.float64)
    expected = wide / np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
    scale = doubles(variables["params"])["scale"]
    np.testing.assert_allclose(jax.jit(RMSNorm().apply)(variables, x), expected * scale, atol=1e-5)


def test_layer_norm_has_no_trouble_with_an_offset_or_a_constant():
    x = 1e4 + normal(4, 64)
    y = jax.jit(LayerNorm().apply)({"params": {"scale": jnp.ones(64), "bias": jnp.zeros(64)}}, x)
    np.testing.assert_allclose(np.std(y, axis=-1), 1.0, atol=1e-2)
    constant = jax.jit(LayerNorm().apply)(
        {"params": {"scale": jnp.ones(8), "bias": jnp.zeros(8)}}, jnp.ones((1, 8))
    )
    np.testing.assert_array_equal(constant, np.zeros((1, 8)))


@pytest.mark.parametrize("activation", [GELU(), ExactGELU(), SiLU()])
def test_feed_forward_is_its_formula(activation):
    x = normal(2, 3, 4)
    layer = FeedForward(hidden=6, activation=activation)
    variables = random_params(layer, x)
    p = doubles(variables["params"])
    hidden = np.asarray(
        activation(jnp.asarray(affine(p["expand"], np.asarray(x, np.float64)), jnp.float32))
    )
    expected = affine(p["output"], hidden.astype(np.float64))
    np.testing.assert_allclose(jax.jit(layer.apply)(variables, x), expected, atol=1e-5)


def test_gated_feed_forward_is_its_formula():
    x = normal(2, 3, 4)
    layer = GatedFeedForward(hidden=6)
    variables = random_params(layer, x)
    p = doubles(variables["params"])
    gate, value = np.split(affine(p["expand"], np.asarray(x, np.float64)), 2, axis=-1)
    hidden = np.asarray(GELU()(jnp.asarray(gate, jnp.float32))) * value
    np.testing.assert_allclose(
        jax.jit(layer.apply)(variables, x), affine(p["output"], hidden), atol=1e-5
    )


def test_a_mean_before_the_last_map_is_the_mean_after_it():
    x = normal(2, 3, 4)
    layer = GatedFeedForward(hidden=6)
    variables = random_params(layer, x)
    expected = jax.jit(layer.apply)(variables, x).mean(axis=1)
    early = layer.apply(variables, x, over=lambda h: h.mean(axis=1))
    np.testing.assert_allclose(early, expected, atol=1e-6)


@pytest.mark.parametrize("features", [3, 16, 40])
def test_the_gradient_of_a_product_is_that_of_its_formula(features):
    x, kernel, slope = normal(7, 16), normal(16, features, seed=1), normal(7, features, seed=2)
    _, back = jax.vjp(matmul, x, kernel)
    of_x, of_kernel = back(slope)
    wide = [np.asarray(a, np.float64) for a in (x, kernel, slope)]
    np.testing.assert_allclose(of_x, wide[2] @ wide[1].T, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(of_kernel, wide[0].T @ wide[2], rtol=1e-5, atol=1e-5)


def test_maps_side_by_side_are_those_maps_one_by_one():
    x = normal(2, 3, 16)
    maps = [Map(normal(16, n, seed=n), normal(n, seed=n + 1)) for n in (4, 8, 5)]
    together = side_by_side(x, maps)
    wide = np.asarray(x, np.float64)
    expected = [wide @ np.asarray(kernel) + np.asarray(bias) for kernel, bias, _ in maps]
    np.testing.assert_allclose(together, np.concatenate(expected, -1), rtol=1e-5, atol=1e-5)


def test_dense_map_and_dense_of_one_name_start_alike():
    class One(nn.Module):
        @nn.compact
        def __call__(self, x):
            return Dense(features=3, name="query")(x)

    class Other(nn.Module):
        @nn.compact
        def __call__(self, x):
            return side_by_side(x, [DenseMap(features=3, name="query")(x.shape[-1])])

    x, key = normal(2, 5), jax.random.key(1)
    jax.tree.map(
        np.testing.assert_array_equal, *(jax.jit(m.init)(key, x) for m in (One(), Other()))
    )


def test_dense_gradients_are_right_in_float32_and_near_in_bfloat16():
    x = normal(2, 3, 16)
    variables = random_params(Dense(features=8), x)

    def loss(variables, x, dtype):
        y = Dense(features=8, dtype=dtype).apply(variables, jnp.asarray(x))
        return jnp.sum(jnp.sin(y.astype(jnp.float32)))

    def of_arrays(variables, x):
        return loss(jax.tree.map(jnp.asarray, variables), x, "float32")

    check_grads(of_arrays, (variables, x), order=1, modes=["rev"])
    full = jax.grad(loss, argnums=(0, 1))(variables, x, "float32")
    half = jax.grad(loss, argnums=(0, 1))(variables, x, "bfloat16")
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
        assert b.dtype == jnp.float32
        np.testing.assert_allclose(a, b, atol=0.05 * float(jnp.abs(a).max()))


def test_rotary_scores_depend_on_distance_alone():
    q, k = (jnp.broadcast_to(normal(1, 1, 1, 8, seed=s), (1, 1, 12, 8)) for s in (0, 1))
    scores = np.asarray(Rotary().rotate(q) @ Rotary().rotate(k).swapaxes(-1, -2))[0, 0]
    for distance in range(-11, 12):
        diagonal = np.diagonal(scores, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], atol=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(Rotary().rotate(q), axis=-1), np.linalg.norm(q, axis=-1), rtol=1e-5
    )
    with pytest.raises(UsageError, match="even"):
        Rotary().rotate(q[..., :7])


def test_sinusoidal_is_its_formula():
    encoding = Sinusoidal(scale=1.0)
    added = np.asarray(encoding.apply({}, jnp.zeros((1, 20, 6)), method="embed"))[0]
    t, i = np.arange(20)[:, None], np.arange(3)
    angle = t / 10000 ** (2 * i / 6)
    np.testing.assert_allclose(added[:, 0::2], np.sin(angle), atol=1e-5)
    np.testing.assert_allclose(added[:, 1::2], np.cos(angle), atol=1e-5)


def test_learned_positions_end_where_their_table_does():
    encoding, x = Learned(max_tokens=4), jnp.zeros((1, 3, 2))
    y, variables = encoding.init_with_output(jax.random.key(0), x, method="embed")
    np.testing.assert_array_equal(y[0], variables["params"]["embedding"][:3])
    with pytest.raises(UsageError, match="5 tokens exceeds the 4 positions"):
        encoding.apply(variables, jnp.zeros((1, 5, 2)), method="embed")


def test_no_position_changes_nothing():
    x = normal(1, 3, 4)
    np.testing.assert_array_equal(NoPosition().apply({}, x, method="embed"), x)


def low_rank(width, features, seed=0):
    return {
        "a": normal(width, 2, seed=seed),
        "b": normal(2, features, seed=seed + 1),
        "scale": jnp.float32(0.7),
    }


def added(adapter):
    return 0.7 * np.asarray(adapter["a"], np.float64) @ np.asarray(adapter["b"], np.float64)


def test_an_adapter_adds_a_low_rank_product():
    x, layer = normal(2, 3, 6), Dense(features=4)
    variables, adapter = random_params(layer, x), low_rank(6, 4)
    p = doubles(variables["params"])
    expected = affine({**p, "kernel": p["kernel"] + added(adapter)}, np.asarray(x, np.float64))
    found = jax.jit(layer.apply)({**variables, "adapters": adapter}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_each_map_of_an_attention_has_its_own_adapter():
    """Only the query's, then only the value's and the output's: as if the kernels were others."""
    x, allowed = normal(2, 5, 8), Bidirectional()(jnp.ones((2, 5), bool))
    layer = SelfAttention(heads=2)
    params = random_params(layer, x, allowed)["params"]
    for names in (("query",), ("value", "output")):
        adapters = {name: low_rank(8, 8, seed=i) for i, name in enumerate(names)}
        merged = {
            name: {**own, "kernel": own["kernel"] + added(adapters[name])}
            if name in adapters
            else own
            for name, own in params.items()
        }
        merged = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), merged)
        found = jax.jit(layer.apply)({"params": params, "adapters": adapters}, x, allowed)
        expected = jax.jit(layer.apply)({"params": merged}, x, allowed)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        assert np.abs(found - jax.jit(layer.apply)({"params": params}, x, allowed)).max() > 1e-2


def test_the_gradient_of_an_adapter_leaves_the_kernel_alone():
    x, layer = normal(3, 6), Dense(features=4)
    variables, adapter = random_params(layer, x), low_rank(6, 4)

    def loss(adapter, x):
        adapter, x = jax.tree.map(jnp.asarray, (adapter, x))  # finite differences come as numpy
        return jnp.sum(jnp.sin(layer.apply({**variables, "adapters": adapter}, x)))

    check_grads(loss, (adapter, x), order=1, modes=["rev"])
