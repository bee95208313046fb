"""Every relevant document against all documents of its row, written out in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from jaxemb.config import UsageError
from jaxemb.losses import Dot, Embedded, InfoNCE, KeepAll, MultiplePositives, reduce

KEY = jax.random.key(0)


def test_value_and_weight_are_those_of_the_definition():
    rng = np.random.default_rng(6)
    queries, documents = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 8, 4))
    relevant = rng.random((3, 5, 8)) < 0.4
    relevant[1], relevant[:, 2] = False, False  # a row, and a query of each row, without answers
    real = np.arange(8) < np.array([[8], [6], [5]])
    weight = np.array([0.5, 1.0, 2.0])
    columns = {
        "query": jnp.asarray(queries, jnp.float32),
        "document": Embedded(jnp.asarray(documents, jnp.float32), jnp.asarray(real)),
        "relevant": jnp.asarray(relevant),
        "weight": jnp.asarray(weight, jnp.float32),
    }
    loss = MultiplePositives(temperature=0.3, similarity=Dot())
    term = loss(columns, key=KEY)["relevant"]
    for row in range(3):
        pairs = relevant[row] & real[row]
        logs = log_softmax(queries[row] @ documents[row][real[row]].T / 0.3, axis=1)
        wanted = -logs[pairs[:, real[row]]].mean() if pairs.any() else 0.0
        assert float(term.value[row]) == pytest.approx(wanted, rel=1e-5)
        assert float(term.weight[row]) == weight[row] * pairs.sum()

    def total(vectors):
        return reduce(loss(columns | {"document": Embedded(vectors, jnp.asarray(real))}, key=KEY))[
            0
        ]

    slopes = jax.grad(total)(columns["document"].vectors)
    assert np.isfinite(slopes).all() and not slopes[1].any() and not slopes[2, 5:].any()


def test_one_answer_per_query_in_one_row_is_info_nce():
    rng = np.random.default_rng(7)
    queries, documents = (jnp.asarray(rng.normal(size=(6, 4)), jnp.float32) for _ in range(2))
    judged = {"query": queries[None], "document": documents[None], "relevant": jnp.eye(6)[None]}
    found = MultiplePositives(temperature=0.2)(judged, key=KEY)["relevant"].value[0]
    pairs = InfoNCE(temperature=0.2, candidates=KeepAll())
    wanted, _ = reduce(pairs({"query": queries, "positive": documents}, key=KEY))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(UsageError, match="temperature=0.0"):
        MultiplePositives(temperature=0.0)
