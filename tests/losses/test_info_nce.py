"""InfoNCE against float64 sums written out row by row, and against optax."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxemb.config import UsageError
from jaxemb.data import Columns as FieldColumns
from jaxemb.losses import (
    ByRow,
    Cosine,
    DocumentToDocument,
    DocumentToQuery,
    Dot,
    Headed,
    InfoNCE,
    InRoles,
    Joint,
    KeepAll,
    Matryoshka,
    Progressive,
    Projected,
    QueryToDocument,
    QueryToQuery,
    SameFamily,
    SpreadOut,
    Sum,
    info_nce,
    reduce,
)

KEY = jax.random.key(0)


@functools.partial(jax.jit, static_argnums=0)
def total(loss: InfoNCE, columns: dict) -> jax.Array:
    return reduce(loss(columns, key=KEY))[0]


def draw(seed: int = 0, rows: int = 7, negatives: int = 0, dim: int = 5) -> dict:
    rng = np.random.default_rng(seed)
    columns = {
        "query": rng.normal(size=(rows, dim)),
        "positive": rng.normal(size=(rows, dim)),
        "query_id": rng.integers(0, 3 * rows, rows),
        "positive_id": rng.integers(0, 3 * rows, rows),
        "weight": rng.integers(0, 3, rows).astype(float),
    }
    if negatives:
        columns["negatives"] = rng.normal(size=(rows, negatives, dim))
        columns["negatives_id"] = rng.integers(0, 3 * rows, (rows, negatives))
    return columns


def to_jax(columns: dict) -> dict:
    kinds = {"i": jnp.int32, "f": jnp.float32}
    return {name: jnp.asarray(x, kinds[x.dtype.kind]) for name, x in columns.items()}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def documents(columns: dict) -> list[tuple]:
    """(vector, pair, document id, query id, own id) of positives, then of negatives."""
    found = [
        (v, i, columns["positive_id"][i], columns["query_id"][i], columns["positive_id"][i])
        for i, v in enumerate(columns["positive"])
    ]
    for i, row in enumerate(columns.get("negatives", [])):
        for j, v in enumerate(row):
            text = columns["negatives_id"][i, j]
            found.append((v, i, text, None, text))
    return found


def queries(columns: dict) -> list[tuple]:
    return [
        (v, i, columns["positive_id"][i], columns["query_id"][i], columns["query_id"][i])
        for i, v in enumerate(columns["query"])
    ]


def answers(columns: dict) -> set[tuple]:
    """Texts that stand in one pair, either way round."""
    real = columns["weight"] > 0
    pairs = zip(columns["query_id"][real], columns["positive_id"][real], strict=True)
    return {both for a, b in pairs for both in ((a, b), (b, a))}


def counted(columns: dict, group: list[tuple[str, str]], i: int):
    """(row's vector, candidate's vector, whether it is the target) of all that row `i` has."""
    sides = {"query": queries(columns), "document": documents(columns)}
    known = answers(columns)
    for row_role, column_role in group:
        row = sides[row_role][i]
        for number, candidate in enumerate(sides[column_role]):
            target = row_role != column_role and number == i
            counts = row_role != column_role or candidate[1] != i
            same = any(candidate[n] == row[n] for n in (2, 3, 4))
            same = same or (row[4], candidate[4]) in known
            if target or (counts and not same and columns["weight"][candidate[1]] > 0):
                yield row[0], candidate[0], target


def reference(columns: dict, temperature: float, groups: list[list[tuple[str, str]]]) -> float:
    """Float64, one row and one candidate at a time."""
    weight, total = columns["weight"], 0.0
    for group in groups:
        values = np.zeros(len(weight))
        for i in range(len(weight)):
            found = counted(columns, group, i)
            partition = sum(np.exp(cosine(a, b) / temperature) for a, b, _ in found)
            positive = cosine(columns["query"][i], columns["positive"][i])
            values[i] = np.log(partition) - positive / temperature
        total += (values * weight).sum() / weight.sum() / len(groups)
    return total


Q, D = "query", "document"
CASES = {
    "query to document": ((QueryToDocument(),), ByRow(), [[(Q, D)]]),
    "symmetric": ((QueryToDocument(), DocumentToQuery()), ByRow(), [[(Q, D)], [(D, Q)]]),
    "queries too": ((QueryToQuery(), QueryToDocument()), ByRow(), [[(Q, D), (Q, Q)]]),
    "all by row": (
        (QueryToDocument(), DocumentToQuery(), QueryToQuery(), DocumentToDocument()),
        ByRow(),
        [[(Q, D), (Q, Q)], [(D, Q), (D, D)]],
    ),
    "all joint": (
        (QueryToDocument(), QueryToQuery(), DocumentToQuery(), DocumentToDocument()),
        Joint(),
        [[(Q, D), (Q, Q), (D, Q), (D, D)]],
    ),
}


@pytest.mark.parametrize("negatives", [0, 3])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_sum_written_out(case, negatives):
    blocks, partition, groups = CASES[case]
    columns = draw(seed=len(case), negatives=negatives)
    loss = InfoNCE(temperature=0.3, blocks=blocks, partition=partition)
    value = total(loss, to_jax(columns))
    np.testing.assert_allclose(value, reference(columns, 0.3, groups), rtol=1e-5)


@pytest.mark.parametrize("negatives", [0, 3])
@pytest.mark.parametrize("case", CASES)
def test_negatives_per_row_are_those_of_the_sum(case, negatives):
    blocks, partition, groups = CASES[case]
    columns = draw(seed=len(case), negatives=negatives)
    loss = InfoNCE(blocks=blocks, partition=partition)
    real = np.flatnonzero(columns["weight"] > 0)
    each = [[sum(not t for *_, t in counted(columns, g, i)) for i in real] for g in groups]
    assert float(loss.negatives_per_row(to_jax(columns))) == pytest.approx(np.mean(each))
    whole = Sum(losses=(SpreadOut(), Matryoshka(inner=loss, dims=(2, 5))))
    assert float(whole.negatives_per_row(to_jax(columns))) == pytest.approx(np.mean(each))
    assert SpreadOut().negatives_per_row(to_jax(columns)) is None


@pytest.mark.parametrize(
    "around",
    [
        lambda loss: Headed(inner=loss),
        lambda loss: Projected(inner=loss, dim=3),
        lambda loss: Progressive(inner=loss),
        lambda loss: InRoles(inner=loss, query="query", positive="positive", negatives="negatives"),
    ],
    ids=["headed", "projected", "progressive", "in-roles"],
)
def test_what_is_around_a_loss_changes_no_count(around):
    columns = to_jax(draw(negatives=2))
    expected = float(InfoNCE().negatives_per_row(columns))
    assert float(around(InfoNCE()).negatives_per_row(columns)) == expected > 1


def test_duplicates_change_the_loss_and_can_be_kept():
    columns = to_jax(draw(negatives=2))
    masked = total(InfoNCE(), columns)
    kept = total(InfoNCE(candidates=KeepAll()), columns)
    assert kept > masked + 1e-3


def test_a_rows_own_text_is_no_candidate_in_another_role():
    """Pairs (a, b), (b, a), (c, d): for the row a, the document a is the text itself."""
    a, b, c, d = np.eye(4) + 0.2
    columns = {"query": np.stack([a, b, c]), "positive": np.stack([b, a, d])}
    columns |= {"query_id": np.array([0, 1, 2]), "positive_id": np.array([1, 0, 3])}
    values = InfoNCE()(to_jax(columns), key=KEY)["query"].value
    # Three of four texts are left out of every row but the last, and cosines are all equal.
    np.testing.assert_allclose(values, [np.log(2), np.log(2), np.log(3)], rtol=1e-5)
    plain = InfoNCE(candidates=KeepAll())(to_jax(columns), key=KEY)["query"].value
    assert plain[0] > 5


def test_the_numbers_that_data_gives_say_so():
    """A graph of texts that see each other: each of a, b and c is a query here, an answer there."""
    pairs = [("a", "b"), ("b", "a"), ("c", "d"), ("a", "e")]
    records = [{"query": query, "positive": answer} for query, answer in pairs]
    view = FieldColumns()(records)
    vectors = dict(zip("abcde", np.random.default_rng(1).normal(size=(5, 4)), strict=True))
    columns = {name: np.array([row[name] for row in view]) for name in ("query_id", "positive_id")}
    columns |= {n: np.stack([vectors[row[n]] for row in view]) for n in ("query", "positive")}
    values = InfoNCE(temperature=0.3)(to_jax(columns), key=KEY)["query"].value
    # Whom each row is compared with: for a neither a nor its answers b and e are left.
    for value, (query, answer), others in zip(values, pairs, ("d", "de", "abe", "d"), strict=True):
        scores = [cosine(vectors[query], vectors[x]) / 0.3 for x in (answer, *others)]
        np.testing.assert_allclose(value, np.log(np.exp(scores).sum()) - scores[0], rtol=1e-5)


def test_another_positive_of_a_query_is_no_negative_even_as_a_hard_one():
    """Rows (q0, d0, [n0]), (q0, d1, [n1]), (q2, d2, [d1]): the row 0 has d2, n0 and n1."""
    rng = np.random.default_rng(11)
    q0, q2, d0, d1, d2, n0, n1 = rng.normal(size=(7, 5))
    columns = {
        "query": np.stack([q0, q0, q2]),
        "positive": np.stack([d0, d1, d2]),
        "negatives": np.stack([n0, n1, d1])[:, None],
        "query_id": np.array([0, 0, 2]),
        "positive_id": np.array([3, 4, 5]),
        "negatives_id": np.array([[6], [7], [4]]),
    }
    value = InfoNCE(temperature=0.5)(to_jax(columns), key=KEY)["query"].value[0]
    logits = np.array([cosine(q0, x) for x in (d0, d2, n0, n1)]) / 0.5
    np.testing.assert_allclose(value, np.log(np.exp(logits).sum()) - logits[0], rtol=1e-5)


def test_an_exact_duplicate_is_as_if_it_were_not_there():
    columns = to_jax(draw(rows=4))
    columns |= {"query_id": jnp.arange(4), "positive_id": jnp.array([4, 5, 6, 4])}
    columns["weight"] = jnp.array([1.0, 0.0, 0.0, 0.0])
    columns["positive"] = columns["positive"].at[3].set(columns["positive"][0])
    with_it = total(InfoNCE(), columns)
    # Rows 1 and 2 are filler and row 3 answers the same query: nothing is left to compare with.
    assert abs(float(with_it)) < 1e-6


@pytest.mark.parametrize("given", [(), ("query_id",), ("positive_id",), ("negatives_id",)])
def test_missing_ids_mask_nothing_more(given):
    columns = to_jax(draw(negatives=2))
    ids = {"query_id", "positive_id", "negatives_id"}
    columns = {name: x for name, x in columns.items() if name not in ids or name in given}
    value = total(InfoNCE(), columns)
    kept = total(InfoNCE(candidates=KeepAll()), columns)
    assert np.isfinite(value) and value <= kept


def test_optax_gives_the_same_softmax():
    scores = jax.random.normal(KEY, (6, 9))
    target = jnp.array([0, 3, 8, 8, 2, 1])
    where = jax.random.bernoulli(KEY, 0.6, (6, 9)) | (jnp.arange(9) == target[:, None])
    term = info_nce(scores, target, where=where, temperature=0.5)
    with jax.enable_x64(True):
        wide = np.where(where, np.asarray(scores, np.float64) / 0.5, -1e30)
        expected = optax.softmax_cross_entropy_with_integer_labels(wide, target)
    np.testing.assert_allclose(term.value, expected, rtol=1e-6)


def test_optax_ntxent_is_the_joint_form_of_a_batch_with_itself():
    x = jax.random.normal(KEY, (8, 5))
    pairs = {"query": x[:4], "positive": x[4:]}
    blocks = (QueryToDocument(), QueryToQuery(), DocumentToQuery(), DocumentToDocument())
    ours = total(InfoNCE(temperature=0.2, blocks=blocks), pairs)
    theirs = optax.ntxent(x, jnp.array([0, 1, 2, 3, 0, 1, 2, 3]), temperature=0.2)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_ties_share_the_mass():
    term = info_nce(jnp.zeros((3, 4)), jnp.arange(3))
    np.testing.assert_allclose(term.value, np.log(4.0), rtol=1e-6)


def test_column_weights_multiply_the_sum_and_leave_the_target_score():
    rng = np.random.default_rng(1)
    scores, weight = rng.normal(size=(3, 5)), rng.uniform(0.1, 3, size=(1, 5))
    weight[0, 4] = 0.0
    target = np.array([0, 4, 2])
    term = info_nce(
        jnp.asarray(scores, jnp.float32),
        jnp.asarray(target),
        column_weight=jnp.asarray(weight, jnp.float32),
    )
    expected = np.log((weight * np.exp(scores)).sum(1)) - scores[np.arange(3), target]
    np.testing.assert_allclose(term.value, expected, rtol=1e-5)


def test_a_row_without_candidates_is_zero_and_has_no_gradient():
    where = jnp.array([[False, False], [True, True]])

    def summed(scores):
        return info_nce(scores, jnp.array([0, 1]), where=where).value.sum()

    scores = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    assert info_nce(scores, jnp.array([0, 1]), where=where).value[0] == 0
    gradient = jax.grad(summed)(scores)
    assert np.isfinite(gradient).all() and (gradient[0] == 0).all() and (gradient[1] != 0).all()


def test_filler_rows_change_nothing():
    columns = draw(rows=5, negatives=2)
    columns["weight"] = np.ones(5)
    short = {name: x.copy() for name, x in columns.items()}
    longer = {name: np.concatenate([x, x[:2]]) for name, x in columns.items()}
    longer["weight"][5:] = 0
    a = total(InfoNCE(), to_jax(short))
    b = total(InfoNCE(), to_jax(longer))
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_extreme_scores_stay_finite():
    columns = {"query": 1e4 * jnp.eye(4), "positive": -1e4 * jnp.eye(4)}
    loss = InfoNCE(similarity=Dot(), temperature=0.01)
    value, grads = jax.value_and_grad(lambda c: total(loss, c))(columns)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in grads.values())


def test_a_zero_vector_scores_zero_with_a_finite_gradient():
    gradient = jax.grad(lambda x: Cosine()(x, jnp.ones((1, 3))).sum())(jnp.zeros((1, 3)))
    assert np.isfinite(gradient).all()
    assert Cosine()(jnp.zeros((1, 3)), jnp.ones((1, 3))) == 0


@pytest.mark.parametrize(
    ("name", "value", "shape"),
    [
        ("query", jnp.ones((4, 2, 3)), "[rows dim]"),
        ("positive", jnp.ones(4), "[rows dim]"),
        ("negatives", jnp.ones((4, 3)), "[rows negatives dim]"),
    ],
)
def test_a_column_of_another_rank_is_named(name, value, shape):
    columns = {"query": jnp.ones((4, 3)), "positive": jnp.ones((4, 3)), name: value}
    with pytest.raises(UsageError) as caught:
        InfoNCE()(columns, key=KEY)
    assert repr(name) in str(caught.value) and shape in str(caught.value)


def test_impossible_settings_are_refused_when_built():
    with pytest.raises(UsageError, match="temperature"):
        InfoNCE(temperature=0.0)
    with pytest.raises(UsageError, match="at least one block"):
        InfoNCE(blocks=())
    with pytest.raises(UsageError, match=r"add DocumentToQuery\(\)"):
        InfoNCE(blocks=(QueryToDocument(), DocumentToDocument()))
    InfoNCE(blocks=(QueryToDocument(), DocumentToDocument()), partition=Joint())


def test_negatives_of_another_family_do_not_count():
    draw = np.random.default_rng(3)
    vectors = {n: jnp.asarray(draw.normal(size=(6, 4)), jnp.float32) for n in ("query", "positive")}
    family = jnp.array([0, 1, 0, 1, 1, 0])
    loss = InfoNCE(temperature=0.5, candidates=SameFamily())
    mixed = loss({**vectors, "family": family}, key=jax.random.key(0))["query"].value
    for number in (0, 1):
        own = np.flatnonzero(family == number)
        alone = InfoNCE(temperature=0.5)(
            {n: x[own] for n, x in vectors.items()}, key=jax.random.key(0)
        )
        np.testing.assert_allclose(mixed[own], alone["query"].value, rtol=1e-5)
    with pytest.raises(UsageError, match="family"):
        loss(vectors, key=jax.random.key(0))
