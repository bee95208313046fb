"""A cross-encoder's distribution beside the labels: KL over a row's own list, and what it reduces to."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.losses import (
    Compared,
    Cosine,
    InfoNCE,
    KeepAll,
    QueryToOwnDocuments,
    ScoreDistillation,
    Sum,
    reduce,
    unit,
)

KEY, TEMPERATURE, SHARE = jax.random.key(0), 0.05, 0.2
TAUGHT = ScoreDistillation(scores=Compared(similarity=Cosine(), temperature=TEMPERATURE))
OWN = InfoNCE(temperature=TEMPERATURE, blocks=(QueryToOwnDocuments(),), candidates=KeepAll())
BOTH = Sum(losses=(TAUGHT, OWN), weights=(1.0, SHARE))


def drawn(rows: int = 5, negatives: int = 3, width: int = 7) -> dict:
    rng = np.random.default_rng()
    columns = {
        "query": rng.normal(size=(rows, width)),
        "positive": rng.normal(size=(rows, width)),
        "negatives": rng.normal(size=(rows, negatives, width)),
        "score": 3 * rng.normal(size=(rows, 1 + negatives)),
    }
    return {name: jnp.asarray(x, jnp.float32) for name, x in columns.items()}


def total(loss, columns) -> jax.Array:
    return reduce(loss(columns, key=KEY))[0]


def cosines(columns) -> np.ndarray:
    documents = jnp.concatenate([columns["positive"][:, None], columns["negatives"]], axis=1)
    found = jnp.sum(unit(columns["query"])[:, None] * unit(documents), axis=-1)
    return np.asarray(found, np.float64)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_the_sum_is_the_one_written_out():
    columns = drawn()
    student, teacher = (
        softmax(cosines(columns) / TEMPERATURE),
        softmax(np.asarray(columns["score"])),
    )
    divergence = np.sum(teacher * np.log(teacher / student), axis=1).mean()
    wanted = divergence - SHARE * np.log(student[:, 0]).mean()
    np.testing.assert_allclose(total(BOTH, columns), wanted, rtol=1e-5)


def test_no_divergence_where_the_teacher_agrees_and_only_there():
    columns = drawn()
    agreed = columns | {"score": jnp.asarray(cosines(columns) / TEMPERATURE + 4.0, jnp.float32)}
    assert abs(total(TAUGHT, agreed)) < 1e-5 < 1e-2 < total(TAUGHT, columns)


def test_a_teacher_that_is_sure_of_the_positive_is_the_label():
    columns = drawn()
    sure = columns | {"score": jnp.zeros_like(columns["score"]).at[:, 0].set(1e4)}
    np.testing.assert_allclose(total(TAUGHT, sure), total(OWN, sure), rtol=1e-5)


def test_the_gradient_by_cosines_is_the_difference_of_the_distributions():
    rng = np.random.default_rng()
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    cosine = rng.uniform(-0.4, 0.4, 4)
    scores = jnp.asarray(rng.normal(size=(1, 4)), jnp.float32)

    def value(cosine):
        # Documents move on the sphere, so that the query stays and each cosine is free.
        along = jnp.sqrt(1 - cosine**2)
        documents = cosine[:, None] * basis[0] + along[:, None] * basis[1:5]
        columns = {"query": jnp.asarray(basis[:1]), "positive": documents[:1],
                   "negatives": documents[None, 1:], "score": scores}  # fmt: skip
        return total(TAUGHT, columns)

    found = jax.grad(value)(jnp.asarray(cosine, jnp.float32))
    difference = softmax(cosine[None] / TEMPERATURE) - softmax(np.asarray(scores, np.float64))
    np.testing.assert_allclose(found, difference[0] / TEMPERATURE, rtol=1e-4, atol=1e-5)
