"""Small tables and ids fitted to whole rows: means, clusters of one size, codes that tell apart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.encoders import Bag
from jaxemb.fitting import PPMISVD, FittedRows, MeanRows, RowsOf, SimilarIds, TokenRows
from jaxemb.model import Embedder, Model, Start
from jaxemb.pooling import Mean
from jaxemb.text import Words
from jaxemb.tokens import ComposedTable, TokenTable
from jaxemb.tokens.codes import base, codes_of

RNG = np.random.default_rng()
WIDTH = 6
WORDS = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)]
TEXTS = [" ".join(RNG.permutation(WORDS)) for _ in range(3)]


def model(tokens) -> Model:
    text = Words(vocabulary=65, max_tokens=64)
    network = Embedder(text=text, tokens=tokens, encoder=Bag(width=WIDTH), pooling=Mean())
    made = Model.create(network, jax.random.key(0))
    return dataclasses.replace(made, tokenizer=text.train(TEXTS))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given(TokenRows):
    """Rows of a seed, so that every model is given the same ones by piece."""

    seed: int = 0
    clusters: int = 0

    def __call__(self, model, texts, key):
        rows = {p: self._row(p) for p in model.tokenizer.pieces()}
        return np.array([rows[piece] for piece in model.tokenizer.pieces()])

    def _row(self, piece: str):
        draw = np.random.default_rng([self.seed, *piece.encode()])
        noise = draw.normal(size=WIDTH)
        if not self.clusters:
            return noise
        return 20 * np.eye(WIDTH)[sum(piece.encode()) % self.clusters] + 0.1 * noise


@pytest.mark.parametrize("tables", [1, 2, 3])
def test_a_row_is_the_mean_of_the_tokens_that_use_it(tables):
    before = model(ComposedTable(tables=tables))
    after = MeanRows(rows=Given(seed=7)).fit(before, TEXTS, jax.random.key(0))
    rows = Given(seed=7)(before, TEXTS, None)
    codes = np.asarray(codes_of(jnp.arange(65), 65, tables))
    ends = np.cumsum([0, *[WIDTH // tables] * (tables - 1), WIDTH])[: tables + 1]
    ends[-1] = WIDTH
    for k in range(tables):
        table = np.asarray(after.params["tokens"][f"table_{k}"])
        for row in range(len(table)):
            own = rows[codes[: len(rows), k] == row, ends[k] : ends[k + 1]]
            expected = own.mean(0) if len(own) else 0
            np.testing.assert_allclose(table[row], expected, atol=1e-5)


def test_clusters_of_one_size_get_neighbouring_ids():
    """Eight clusters of eight ids, of which the rows make six: no cluster that fits is torn."""
    before = model(ComposedTable(tables=2))
    assert base(65, 2) == 9
    after = SimilarIds(rows=Given(clusters=3), group=20).fit(before, TEXTS, jax.random.key(0))
    assert sorted(after.tokenizer.pieces()) == sorted(before.tokenizer.pieces())
    assert after.tokenizer.pieces()[:5] == before.tokenizer.pieces()[:5]
    kinds = [sum(piece.encode()) % 3 for piece in after.tokenizer.pieces()]
    groups = [kinds[5:20], kinds[20:40], kinds[40:60]]
    purity = sum(max(map(group.count, range(3))) for group in groups) / 55
    plain = [sum(piece.encode()) % 3 for piece in before.tokenizer.pieces()]
    chance = (
        sum(max(map(g.count, range(3))) for g in (plain[5:20], plain[20:40], plain[40:60])) / 55
    )
    assert purity > 0.8 > chance


def test_a_token_table_s_rows_go_with_their_tokens():
    before = model(TokenTable())
    after = SimilarIds(rows=Given(), group=8).fit(before, TEXTS, jax.random.key(0))
    assert before.tokenizer.pieces() != after.tokenizer.pieces()
    np.testing.assert_array_equal(before.encode(TEXTS), after.encode(TEXTS))


def test_small_tables_that_share_clusters_are_nearer_to_the_whole_one():
    errors = {}
    for name, stages in {"digits": [], "clusters": [SimilarIds(rows=Given(clusters=5))]}.items():
        made = model(ComposedTable(tables=2))
        for stage in [*stages, MeanRows(rows=Given(clusters=5))]:
            made = stage.fit(made, TEXTS, jax.random.key(0))
        rows = Given(clusters=5)(made, TEXTS, None)
        found = made.embedder.tokens.apply(
            {"params": made.params["tokens"]}, jnp.arange(len(rows))[None], vocabulary=65, width=WIDTH
        )[0]  # fmt: skip
        errors[name] = float(np.square(np.asarray(found) - rows).sum())
        assert len(np.unique(np.asarray(found).round(6), axis=0)) > len(rows) // 2
    assert errors["clusters"] < 0.9 * errors["digits"]


def test_rows_are_those_of_equal_pieces_of_another_model_or_fitted_to_the_texts():
    other, own = model(TokenTable()), model(ComposedTable())

    class Renumbered(Start):
        def start(self, key):
            return SimilarIds(rows=Given(), group=8).fit(other, TEXTS, key)

    found = RowsOf(start=Renumbered())(own, TEXTS, jax.random.key(0))
    np.testing.assert_array_equal(
        found, np.asarray(other.params["tokens"]["embedding"])[: len(found)]
    )
    fitted = FittedRows()(own, TEXTS, jax.random.key(0))
    whole = PPMISVD().fit(other, TEXTS, jax.random.key(0)).params["tokens"]["embedding"]
    np.testing.assert_array_equal(fitted, np.asarray(whole)[: len(fitted)])


def test_what_is_missing_is_said():
    with pytest.raises(UsageError, match="ComposedTable"):
        MeanRows().fit(model(TokenTable()), TEXTS, jax.random.key(0))
    with pytest.raises(UsageError, match="needs a group"):
        SimilarIds(rows=Given()).fit(model(TokenTable()), TEXTS, jax.random.key(0))
