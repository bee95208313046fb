"""Losses of the library's cross-encoders and sparse autoencoders against ours.

Skipped where that library is not installed.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import parse
from jaxemb.losses import ALIASES, Embedded, Loss, reduce

torch = pytest.importorskip("torch")
library = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

from tests.losses.peers import CODES, CROSS, LISTS, B, Table, W, our_loss  # noqa: E402

KEY = jax.random.key(0)

# --- networks that read both texts of a pair at once


class PairTable(library.cross_encoder.CrossEncoder):
    """A cross-encoder whose texts are numbers: the pair (a, b) has the scores of row `a, b`."""

    device = torch.device("cpu")
    num_labels = 1

    def __init__(self, table: Any):
        torch.nn.Module.__init__(self)
        self.table = table

    def preprocess(self, pairs: list, **_: Any) -> dict:
        return {"input_ids": torch.tensor([[a, b] for a, b in pairs])}

    def forward(self, features: dict, **_: Any) -> dict:
        a, b = features["input_ids"].T
        return {"scores": self.table[a, b]}


DOCUMENTS = 4
THERE = np.arange(DOCUMENTS) < np.array([4, 3, 1, 4, 2, 4])[:, None]


def cross_labels(name: str, rng: np.random.Generator) -> np.ndarray:
    found = {"BinaryCrossEntropyLoss": lambda: rng.random(B), "MSELoss": lambda: rng.normal(size=B)}
    found |= {"CrossEntropyLoss": lambda: rng.permutation(B) % 3}
    # Lists come in the order of their grades, as the library wants them.
    lists = lambda: -np.sort(-rng.integers(0, 4, (B, DOCUMENTS)).astype(float), axis=1)  # noqa: E731
    return found.get(name, lists)()


def theirs_of_pairs(losses: Any, name: str, model: PairTable, labels: np.ndarray) -> Any:
    queries, documents = list(range(B)), DOCUMENTS
    if name in LISTS:
        lists = [list(range(n)) for n in THERE.sum(axis=1)]
        given = [torch.tensor(y[there]) for y, there in zip(labels, THERE, strict=True)]
        return getattr(losses, name)(model)([queries, lists], given)
    if name == "MarginMSELoss":
        return losses.MarginMSELoss(model)(
            [queries, *([k] * B for k in range(documents))], list(torch.tensor(labels))
        )
    made = getattr(losses, name)(model)
    return made([queries, [0] * B], torch.tensor(labels))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", CROSS)
def test_value_and_gradient_of_scores_are_the_librarys(name, seed):
    rng = np.random.default_rng(seed)
    losses = library.cross_encoder.losses
    documents = DOCUMENTS if name in (*LISTS, "MarginMSELoss") else 1
    width = 3 if name == "CrossEntropyLoss" else 1
    table = torch.tensor(rng.normal(size=(B, documents, width)), requires_grad=True)
    labels = cross_labels(name, rng)
    theirs = theirs_of_pairs(losses, name, PairTable(table), labels)
    theirs.backward()
    learned = jnp.asarray(table.detach().numpy(), jnp.float32)
    learned = learned[:, 0] if documents == 1 else learned
    real = jnp.asarray(THERE) if name in LISTS else None
    column = "label" if name in ("BinaryCrossEntropyLoss", "CrossEntropyLoss") else "score"
    others = {column: jnp.asarray(labels, jnp.int32 if width == 3 else jnp.float32)}
    loss = parse(ALIASES["cross_encoder"][name].part, Loss, name)
    ours, grads = our_loss(loss, {"query": Embedded(learned, real)}, others, None)
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-5)
    wanted = table.grad.numpy()
    assert np.linalg.norm(wanted) > 0
    error = np.linalg.norm(np.asarray(grads["query"]).reshape(wanted.shape) - wanted)
    assert error <= 1e-5 * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("MultipleNegativesRankingLoss", {}),
        ("CachedMultipleNegativesRankingLoss", {"mini_batch_size": 5}),
    ],
)
def test_scores_of_every_pair_in_the_batch_are_the_librarys(name, settings):
    rng = np.random.default_rng(3)
    table = torch.tensor(rng.normal(size=(B, 2 * B, 1)), requires_grad=True)
    made = getattr(library.cross_encoder.losses, name)(
        PairTable(table), num_negatives=None, **settings
    )
    theirs = made([list(range(B)), list(range(B)), list(range(B, 2 * B))], None)
    theirs.backward()
    # The row's own positive first, then all that others have, and its own negative.
    order = np.array([[i, *(j for j in range(2 * B) if j != i)] for i in range(B)])
    learned = jnp.asarray(table.detach().numpy(), jnp.float32)[np.arange(B)[:, None], order]
    loss = parse(ALIASES["cross_encoder"][name].part, Loss, name)
    ours, grads = our_loss(loss, {"query": Embedded(learned)}, {}, None)
    np.testing.assert_allclose(ours, float(theirs), rtol=1e-5)
    wanted = table.grad.numpy()[np.arange(B)[:, None], order]
    error = np.linalg.norm(np.asarray(grads["query"]) - wanted)
    assert error <= 1e-5 * np.linalg.norm(wanted)


# --- the rest


def test_a_sparse_autoencoder_is_scored_as_in_the_library():
    rng = np.random.default_rng(4)
    given = {name: rng.normal(size=(B, W)) for name in CODES}
    losses = library.sparse_encoder.losses
    outputs = [{theirs: torch.tensor(given[ours]) for ours, theirs in CODES.items()}]
    made = losses.CSRReconstructionLoss(Table(torch.zeros(1, W)))
    theirs = made.compute_loss_from_embeddings(outputs)
    loss = parse(ALIASES["sparse_encoder"]["CSRReconstructionLoss"].part, Loss, "loss")
    extra = {name: jnp.asarray(x, jnp.float32) for name, x in given.items()}
    found = Embedded(jnp.zeros((B, W)), extra=extra)
    _, parts = reduce(loss({"query": found}, key=KEY))
    for ours, name in zip(("k", "4k", "aux"), theirs.values(), strict=True):
        np.testing.assert_allclose(parts[ours], float(name), rtol=1e-5)
