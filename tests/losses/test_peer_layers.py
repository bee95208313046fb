"""The library's losses over several layers and over sparse codes against ours.

Skipped where that library is not installed.
"""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import parse
from jaxemb.losses import ALIASES, Embedded, Loss

torch = pytest.importorskip("torch")
library = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

from sentence_transformers.sentence_transformer.modules import Transformer  # noqa: E402

from tests.losses.peers import CODES, PAIRS, TEXTS, B, K, Table, W, as_table, features, our_loss  # noqa: E402

PLACED = "column='positive', beta"
DENSE = library.sentence_transformer.losses


class Layers(Transformer):
    """A transformer whose layers are rows of a table `[texts, layers, width]`, of one token."""

    auto_model = SimpleNamespace(config=SimpleNamespace(output_hidden_states=False))

    def __init__(self, table):
        torch.nn.Module.__init__(self)
        self.table = table

    def forward(self, features, **_):
        found = self.table[features["input_ids"][:, 0]]
        layers = [found[:, n, None] for n in range(found.shape[1])]
        return {**features, "token_embeddings": layers[-1], "all_layer_embeddings": layers}


class Layered(library.SentenceTransformer):
    """The state of the only token, at the layer that is asked for."""

    device = torch.device("cpu")

    def __init__(self, table):
        torch.nn.Module.__init__(self)
        self.layers = Layers(table)

    def __getitem__(self, index):
        return self.layers

    def forward(self, features, **_):
        features.update(self.layers(features))
        features["sentence_embedding"] = features["token_embeddings"][:, 0]
        return features

    def get_embedding_dimension(self):
        return W


def adaptive(model):
    return DENSE.AdaptiveLayerLoss(model, DENSE.MultipleNegativesRankingLoss(model))


def by_both(model):
    inner = DENSE.MultipleNegativesRankingLoss(model)
    return DENSE.Matryoshka2dLoss(model, inner, matryoshka_dims=[2, W], n_dims_per_step=-1)


@pytest.mark.parametrize(
    ("name", "theirs", "changes"),
    [
        ("AdaptiveLayerLoss", adaptive, ("", "")),
        ("Matryoshka2dLoss", by_both, ("(64, 128)", f"(2, {W})")),
    ],
)
def test_a_last_and_an_earlier_layer(name, theirs, changes):
    """With two layers there is one to draw, there and here."""
    drawn = np.random.default_rng().normal(size=((2 + K) * B, 2, W))
    table = torch.tensor(drawn, requires_grad=True)
    value = theirs(Layered(table))(features(*TEXTS), None)
    value = sum(value.values()) if isinstance(value, dict) else value
    value.backward()
    loss = parse(ALIASES["sentence_transformer"][name].part.replace(*changes), Loss, name)
    x = jnp.asarray(drawn, jnp.float32).reshape(-1, B, 2, W)
    learned = {"query": x[0], "positive": x[1], "negatives": jnp.moveaxis(x[2:], 0, 1)}
    ours, grads = our_loss(loss, learned, {}, None)
    np.testing.assert_allclose(ours, float(value), rtol=1e-5)
    wanted = table.grad.numpy()
    error = np.linalg.norm(as_table(grads, tuple(learned)) - wanted)
    assert error <= 1e-5 * np.linalg.norm(wanted) and np.abs(wanted).min(axis=(0, 2)).min() > 0


def test_sparse_codes_are_restored_and_contrasted():
    rng = np.random.default_rng()
    given = {name: rng.normal(size=(2 * B, W)) for name in CODES}
    drawn = np.maximum(rng.normal(size=(2 * B, W)), 0)
    table = torch.tensor(drawn, requires_grad=True)
    outputs = {theirs: torch.tensor(given[ours]) for ours, theirs in CODES.items()}
    made = library.sparse_encoder.losses.CSRLoss(Table(table, extra=outputs))
    theirs = sum(made(features(*PAIRS), None).values())
    theirs.backward()
    whole = ALIASES["sparse_encoder"]["CSRLoss"].part
    one = "sparse_reconstruction(beta=0.1)"
    assert one in whole
    both = f"{one}, {one.replace('beta', PLACED)}"
    part = whole.replace(one, both)[:-1] + ", weights=(0.5, 0.5, 1.0))"
    rows = {"query": slice(0, B), "positive": slice(B, 2 * B)}
    loss = parse(part, Loss, "CSRLoss")
    columns = {
        name: Embedded(
            jnp.asarray(drawn[own], jnp.float32),
            extra={n: jnp.asarray(x[own], jnp.float32) for n, x in given.items()},
        )
        for name, own in rows.items()
    }
    extras = {name: x.extra for name, x in columns.items()}

    class Bound:
        """The loss with what stands beside the vectors, which has no gradient here."""

        init = loss.init

        def apply(self, state, seen, *, key):
            seen = {n: x._replace(extra=extras[n]) for n, x in seen.items()}
            return loss.apply(state, seen, key=key)

    ours, grads = our_loss(Bound(), columns, {}, None)
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-5)
    error = np.linalg.norm(as_table(grads, tuple(rows)) - table.grad.numpy())
    assert error <= 1e-5 * np.linalg.norm(table.grad) > 0
