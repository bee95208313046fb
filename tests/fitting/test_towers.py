"""A part of one tower is fitted as if it were the whole model."""

import dataclasses

import jax
import numpy as np

from jaxemb.fitting import PPMISVD, InTower, Vocabulary
from jaxemb.study.near_bag import near_bag, two_towers

TEXTS = [f"word{n % 17} stands beside word{(3 * n) % 13} here" for n in range(200)]


def test_the_table_of_two_towers_is_that_of_one():
    base = near_bag((), ())
    text = dataclasses.replace(base.embedder.text, vocabulary=128)
    base = dataclasses.replace(base, embedder=dataclasses.replace(base.embedder, text=text))
    key, fitted = jax.random.key(0), []
    for recipe, table in (
        (base, PPMISVD()),
        (two_towers(base), InTower(inner=PPMISVD(), tower="query")),
    ):
        model = Vocabulary().fit(recipe.embedder.start(key), TEXTS, key)
        fitted.append(table.fit(model, TEXTS, key))
    one, two = fitted
    assert set(two.params) == {"query", "document"} and "tokens" not in two.params["document"]
    np.testing.assert_array_equal(
        one.params["tokens"]["embedding"], two.params["query"]["tokens"]["embedding"]
    )
    seen = two.embedder.params_of(two.params, "document")["tokens"]["embedding"]
    np.testing.assert_array_equal(seen, one.params["tokens"]["embedding"])
    sentence = ["word1 stands beside word3 here"]
    query, document = (two.encode(sentence, role=role)[0] for role in ("query", "document"))
    assert not np.allclose(query, document, atol=1e-4)  # blocks of their own
