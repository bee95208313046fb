"""Logits of a vocabulary against numpy, tied and untied."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from jaxemb.config import UsageError, from_json, to_json
from jaxemb.encoders import Bag
from jaxemb.heads import (
    BiasedOutput,
    ComposedLanguageModelHead,
    LanguageModelHead,
    NormedLayer,
    SoftCappedOutput,
    UntiedLanguageModelHead,
)
from jaxemb.model import Embedder
from jaxemb.pooling import Mean
from jaxemb.text import TextBatch, Words
from jaxemb.tokens import ComposedTable
from jaxemb.tokens.codes import base

B, T, W, V, D = 2, 3, 8, 11, 5
rng = np.random.default_rng(0)
STATES = jnp.asarray(rng.normal(size=(B, T, W)), jnp.float32)
TABLE = jnp.asarray(rng.normal(size=(V, D)), jnp.float32)
WIDE = jnp.asarray(rng.normal(size=(V, W)), jnp.float32)


def initial(head, table) -> dict:
    """Random parameters, everywhere."""
    tied = {"tied": {"table": table}}
    key = jax.random.key(0)
    _, found = head.apply(tied, STATES, rngs={"params": key}, mutable=["params"])
    own = np.random.default_rng(1)
    draw = lambda x: jnp.asarray(own.normal(size=x.shape), jnp.float32)  # noqa: E731
    return tied | {"params": jax.tree.map(draw, found.get("params", {}))}


def transformed(params, states):
    y = states @ np.asarray(params["dense"]["kernel"], np.float64) + params["dense"]["bias"]
    y = y / 2 * (1 + erf(y / np.sqrt(2)))
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-12)
    return y * params["norm"]["scale"] + params["norm"]["bias"]


def test_a_tied_head_reads_the_token_table_and_has_nothing_of_its_own():
    variables = initial(LanguageModelHead(), WIDE)
    assert not variables["params"]
    logits = jax.jit(LanguageModelHead(logit_scale=0.5).apply)(variables, STATES)
    expected = 0.5 * np.asarray(STATES, np.float64) @ np.asarray(WIDE).T
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_the_head_of_a_masked_language_model():
    head = BiasedOutput(inner=LanguageModelHead(transform=NormedLayer()))
    variables = initial(head, TABLE)
    params = variables["params"]
    assert sorted(params) == ["bias", "transform"] and params["bias"].shape == (V,)
    expected = transformed(params["transform"], np.asarray(STATES, np.float64)) @ TABLE.T
    np.testing.assert_allclose(
        jax.jit(head.apply)(variables, STATES), expected + params["bias"], rtol=1e-4, atol=1e-4
    )


def test_an_untied_head_has_its_own_rows():
    head = SoftCappedOutput(inner=UntiedLanguageModelHead(), cap=3.0)
    variables = initial(head, WIDE)
    assert variables["params"]["embedding"].shape == (V, W)
    raw = np.asarray(STATES, np.float64) @ np.asarray(variables["params"]["embedding"]).T
    np.testing.assert_allclose(
        jax.jit(head.apply)(variables, STATES), 3 * np.tanh(raw / 3), rtol=1e-4, atol=1e-5
    )


def test_the_gradient_reaches_the_table_from_both_sides():
    def loss(table):
        logits = LanguageModelHead().apply({"tied": {"table": table}}, table[None, :2])
        return jnp.sum(logits)

    slope = np.asarray(jax.grad(loss)(WIDE), np.float64)
    wide = np.asarray(WIDE, np.float64)
    expected = np.tile(wide[:2].sum(0), (V, 1))
    expected[:2] += wide.sum(0)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-4)


def test_the_table_must_be_given():
    with pytest.raises(ValueError, match="reads the token table"):
        jax.jit(LanguageModelHead().apply)({}, STATES)


def test_states_of_another_width_than_the_table_s_are_refused():
    with pytest.raises(
        UsageError, match="The states are 5 wide and the token table 4: give the output"
    ):
        jax.jit(LanguageModelHead().apply)({"tied": {"table": jnp.ones((7, 4))}}, jnp.ones((2, 5)))


def test_json_keeps_it():
    head = BiasedOutput(inner=LanguageModelHead(transform=NormedLayer(), logit_scale=2.0))
    assert from_json(to_json(head)) == head
    assert isinstance(head, nn.Module)


def test_a_head_of_small_tables_gives_products_with_the_vectors_that_they_compose():
    tokens = ComposedTable(tables=3)
    ids, options = jnp.arange(V)[None], {"vocabulary": V, "width": W}
    small = tokens.init(jax.random.key(0), ids, **options)["params"]
    whole = tokens.apply({"params": small}, ids, **options)[0]
    head = BiasedOutput(inner=ComposedLanguageModelHead(vocabulary=V, logit_scale=0.5))
    bias = jnp.asarray(rng.normal(size=V), jnp.float32)
    found = jax.jit(head.apply)({"tied": small, "params": {"bias": bias}}, STATES)
    expected = 0.5 * np.asarray(STATES, np.float64) @ np.asarray(whole, np.float64).T + bias
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(UsageError, match="no|none"):
        jax.jit(ComposedLanguageModelHead(vocabulary=V).apply)({"tied": {"table": WIDE}}, STATES)


def test_an_embedder_of_small_tables_predicts_tokens_and_its_tables_learn_from_both_ends():
    network = Embedder(
        text=Words(vocabulary=V),
        tokens=ComposedTable(tables=2),
        encoder=Bag(width=W),
        pooling=Mean(),
        output=ComposedLanguageModelHead(vocabulary=V),
    )
    params = jax.jit(network.init)(jax.random.key(0))
    batch = TextBatch(jnp.array([[5, 6, 7]]), jnp.ones((1, 3), bool))
    assert params["output"] == {}
    found = network.logits(params, batch).vectors
    ids = jnp.arange(V)[None]
    whole = network.tokens.apply({"params": params["tokens"]}, ids, vocabulary=V, width=W)[0]
    np.testing.assert_allclose(found, (whole[5:8] @ whole.T)[None], atol=1e-5)
    slope = jax.grad(lambda p: network.logits(p, batch).vectors[0, 0, 9])(params)["tokens"]
    touched = {n: set(np.flatnonzero(np.abs(x).sum(1)).tolist()) for n, x in slope.items()}
    q = base(V, 2)
    assert touched == {"table_0": {5 % q, 9 % q}, "table_1": {5 // q, 9 // q}}
