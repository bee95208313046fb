"""Small tables that compose all rows: unique codes, counts, tied logits and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.tokens import ComposedTable, TokenTable
from jaxemb.tokens.codes import base, codes_of

RNG = np.random.default_rng()


@pytest.mark.parametrize(
    ("vocabulary", "tables", "rows"),
    [(30522, 2, 175), (30522, 3, 32), (250002, 2, 501), (250002, 3, 63), (1000, 3, 10),
     (1001, 3, 11), (7, 1, 7)],
)  # fmt: skip
def test_codes_are_the_digits_of_an_id_and_no_two_ids_share_them(vocabulary, tables, rows):
    assert base(vocabulary, tables) == rows
    codes = np.asarray(codes_of(jnp.arange(vocabulary), vocabulary, tables))
    assert len({tuple(row) for row in codes.tolist()}) == vocabulary
    assert codes.max() < rows
    ids = RNG.integers(0, vocabulary, 20)
    np.testing.assert_array_equal(codes[ids] @ rows ** np.arange(tables), ids)


@pytest.mark.parametrize(("tables", "width"), [(2, 8), (3, 8), (1, 5)])
def test_rows_stand_side_by_side_and_logits_are_products_with_all_of_them(tables, width):
    vocabulary, embedding = 100, ComposedTable(tables=tables)
    every = jnp.arange(vocabulary)[None]
    options = {"vocabulary": vocabulary, "width": width}
    params = embedding.init(jax.random.key(0), every, **options)["params"]
    rows = base(vocabulary, tables)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == rows * width
    table = embedding.apply({"params": params}, every, **options)[0]
    states = jnp.asarray(RNG.normal(size=(2, 3, width)), jnp.float32)
    logits = embedding.apply({"params": params}, states, vocabulary=vocabulary, method="logits")
    expected = np.asarray(states, np.float64) @ np.asarray(table, np.float64).T
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_one_table_is_a_plain_table():
    ids, options = jnp.asarray(RNG.integers(0, 9, (2, 3))), {"vocabulary": 9, "width": 4}
    table = jnp.asarray(RNG.normal(size=(9, 4)), jnp.float32)
    np.testing.assert_array_equal(
        ComposedTable(tables=1).apply({"params": {"table_0": table}}, ids, **options),
        TokenTable().apply({"params": {"embedding": table}}, ids, **options),
    )


def test_a_row_s_gradient_is_the_sum_over_the_tokens_that_use_it():
    vocabulary, embedding = 30, ComposedTable(tables=2)
    every, options = jnp.arange(vocabulary)[None], {"vocabulary": vocabulary, "width": 6}
    params = embedding.init(jax.random.key(0), every, **options)["params"]
    weights = RNG.normal(size=(vocabulary, 6))
    slope = jax.grad(
        lambda p: jnp.sum(embedding.apply({"params": p}, every, **options)[0] * weights)
    )(params)
    codes = np.asarray(codes_of(every[0], vocabulary, 2))
    for k in range(2):
        for row in range(base(vocabulary, 2)):
            own = weights[codes[:, k] == row, 3 * k : 3 * k + 3].sum(0)
            np.testing.assert_allclose(slope[f"table_{k}"][row], own, atol=1e-5)


def test_more_tables_than_numbers_are_refused():
    with pytest.raises(UsageError, match="must be 1 to 2"):
        ComposedTable(tables=3).init(
            jax.random.key(0), jnp.ones((1, 1), int), vocabulary=9, width=2
        )
