"""Every loss of the library sentence-transformers against the part that is said to equal it.

Value and gradient, on random vectors that a network of one table hands out by number. Skipped where
that library is not installed.
"""

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import parse
from jaxemb.losses import ALIASES, Loss

torch = pytest.importorskip("torch")
library = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

from tests.losses.peers import (  # noqa: E402
    CROSS,
    NEGATIVES,
    PAIRS,
    POSITIVE,
    QUERY,
    TEXTS,
    B,
    Drawn,
    K,
    Table,
    W,
    as_table,
    draw,
    features,
    our_columns,
    our_loss,
)  # fmt: skip


def test_every_loss_of_the_library_has_an_alias():
    for package, names in ALIASES.items():
        room = getattr(__import__(f"sentence_transformers.{package}.losses"), package).losses
        public = {n for n in vars(room) if re.fullmatch(r"\w+Loss(InBatchNegatives)?", n)}
        assert public == set(names)


class Case(NamedTuple):
    """How to call the library's loss, and what the columns of ours are."""

    theirs: Callable  # (losses, model, drawn) -> value
    columns: tuple[str, ...] = ("query", "positive")
    labels: Callable | None = None
    ours: Callable | None = None
    tokens: bool = False
    factor: float = 1.0
    part: str | None = None


def call(name: str, texts: tuple = PAIRS, labels: bool = True, **settings: Any) -> Callable:
    """The loss by its name, called on the texts."""

    def run(losses: Any, model: Any, drawn: Drawn) -> Any:
        given = None if drawn.labels is None or not labels else torch.tensor(drawn.labels)
        if given is not None and given.dtype == torch.float64:
            given = given.double()
        return getattr(losses, name)(model, **settings)(features(*texts), given)

    return run


def grades(rng):
    return rng.integers(0, 4, B) / 4


def yes_or_no(rng):
    return rng.permutation(B) % 2


def classes(rng):
    return rng.permutation(B) % 3


def margins(rng):
    return rng.normal(size=(B, 1 + K))


def score(drawn):
    return {"score": drawn.labels}


def label(drawn):
    return {"label": drawn.labels}


THREE = ("query", "positive", "negatives")


def gist(losses, model, drawn, name="GISTEmbedLoss"):
    """Without its constructor, which asks both networks for a tokenizer."""
    guide = Table(torch.tensor(drawn.guide))
    made = object.__new__(getattr(losses, name))
    torch.nn.Module.__init__(made)
    settings = {
        "model": model, "guide": guide, "temperature": 0.01, "margin_strategy": "absolute",
        "margin": 0.0, "contrast_anchors": True, "contrast_positives": True,
        "gather_across_devices": False, "must_retokenize": False, "mini_batch_size": 4,
        "mini_batch_num_tokens": None, "show_progress_bar": False,
        "similarity_fct": torch.nn.CosineSimilarity(dim=-1),
        "cross_entropy_loss": torch.nn.CrossEntropyLoss(),
    }  # fmt: skip
    for field, value in settings.items():
        setattr(made, field, value)
    return made(features(QUERY, POSITIVE, NEGATIVES[0]), None)


def teacher(drawn):
    guide = drawn.guide.reshape(-1, B, W)
    found = {"query_teacher": guide[0], "positive_teacher": guide[1]}
    return found | {"negatives_teacher": np.moveaxis(guide[2:], 0, 1)}


def taught(name, **settings):
    def run(losses, model, drawn):
        guide = torch.tensor(drawn.guide).reshape(-1, B, W).transpose(0, 1)
        return getattr(losses, name)(model, **settings)(features(*TEXTS), guide)

    return run


def tension(losses, model, drawn):
    made = losses.ContrastiveTensionLoss(Table(torch.zeros(1, W)))
    made.model1 = made.model2 = model
    return made(features(*PAIRS), torch.tensor(drawn.labels))


def tension_in_batch(losses, model, drawn):
    made = losses.ContrastiveTensionLossInBatchNegatives(Table(torch.zeros(1, W)))
    made.model1, made.model2 = model, Table(model.table[B:])
    return made(features(QUERY), None)


WEIGHTS = np.random.default_rng(8).normal(size=(3 * W + 1, 3))


def softmax(losses, model, drawn):
    made = losses.SoftmaxLoss(model, embedding_dimension=W, num_labels=3).double()
    with torch.no_grad():
        made.classifier.weight.copy_(torch.tensor(WEIGHTS[:-1].T))
        made.classifier.bias.copy_(torch.tensor(WEIGHTS[-1]))
    return made(features(*PAIRS), torch.tensor(drawn.labels))


def cached(name, texts=TEXTS, **settings):
    """With its forward passes under no gradient, and a second one to come: run backward."""

    def run(losses, model, drawn):
        return getattr(losses, name)(model, mini_batch_size=4, **settings)(features(*texts), None)

    return run


def matryoshka(losses, model, drawn):
    inner = losses.MultipleNegativesRankingLoss(model)
    return losses.MatryoshkaLoss(model, inner, matryoshka_dims=[2, W])(features(*TEXTS), None)


DENSE = {
    "MultipleNegativesRankingLoss": Case(call("MultipleNegativesRankingLoss", TEXTS), THREE),
    "MultipleNegativesSymmetricRankingLoss": Case(
        call("MultipleNegativesSymmetricRankingLoss", TEXTS), THREE
    ),
    "CachedMultipleNegativesRankingLoss": Case(cached("CachedMultipleNegativesRankingLoss"), THREE),
    "CachedMultipleNegativesSymmetricRankingLoss": Case(
        cached("CachedMultipleNegativesSymmetricRankingLoss"), THREE
    ),
    "GISTEmbedLoss": Case(gist, THREE, ours=teacher),
    "CachedGISTEmbedLoss": Case(partial(gist, name="CachedGISTEmbedLoss"), THREE, ours=teacher),
    "ContrastiveLoss": Case(call("ContrastiveLoss"), labels=yes_or_no, ours=label),
    "OnlineContrastiveLoss": Case(
        call("OnlineContrastiveLoss"), labels=yes_or_no, ours=label, factor=B
    ),
    "TripletLoss": Case(call("TripletLoss", (QUERY, POSITIVE, NEGATIVES[0])), THREE),
    "BatchHardTripletLoss": Case(
        call("BatchHardTripletLoss", (QUERY,)), ("query",), yes_or_no, label
    ),
    "BatchHardSoftMarginTripletLoss": Case(
        call("BatchHardSoftMarginTripletLoss", (QUERY,)), ("query",), yes_or_no, label
    ),
    "BatchSemiHardTripletLoss": Case(
        call("BatchSemiHardTripletLoss", (QUERY,)), ("query",), yes_or_no, label
    ),
    "BatchAllTripletLoss": Case(
        call("BatchAllTripletLoss", (QUERY,)), ("query",), yes_or_no, label
    ),
    "CoSENTLoss": Case(call("CoSENTLoss"), labels=grades, ours=score),
    "AnglELoss": Case(call("AnglELoss"), labels=grades, ours=score),
    "CosineSimilarityLoss": Case(call("CosineSimilarityLoss"), labels=grades, ours=score),
    "SoftmaxLoss": Case(softmax, labels=classes, ours=label),
    "MarginMSELoss": Case(call("MarginMSELoss", TEXTS), THREE, margins, score),
    "DistillKLDivLoss": Case(call("DistillKLDivLoss", TEXTS), THREE, margins, score),
    "EmbedDistillLoss": Case(
        taught("EmbedDistillLoss", distance_metric="cosine"), THREE, ours=teacher
    ),
    "MSELoss": Case(taught("MSELoss"), THREE, ours=teacher),
    "MegaBatchMarginLoss": Case(call("MegaBatchMarginLoss", use_mini_batched_version=False)),
    # One set for each column of texts there, one for all negatives here.
    "GlobalOrthogonalRegularizationLoss": Case(call("GlobalOrthogonalRegularizationLoss")),
    "ContrastiveTensionLoss": Case(tension, labels=yes_or_no, ours=label, factor=B),
    "ContrastiveTensionLossInBatchNegatives": Case(tension_in_batch),
    "MatryoshkaLoss": Case(matryoshka, THREE, part=f"matryoshka(inner=info_nce, dims=(2, {W}))"),
}


def splade(losses, model, drawn, name="SpladeLoss", **more):
    inner = losses.SparseMultipleNegativesRankingLoss(model)
    made = getattr(losses, name)(
        model, inner, document_regularizer_weight=3e-5, query_regularizer_weight=5e-5, **more
    )
    found = made(features(*TEXTS), None)
    return sum(found.values()) if isinstance(found, dict) else found


def flops(losses, model, drawn):
    return losses.FlopsLoss(model).compute_loss_from_embeddings(model.table[B:])


def within(name, **settings):
    """Losses that the library calls by their embeddings alone."""

    def run(losses, model, drawn):
        vectors = [model.table[list(c)] for c in settings.get("texts", TEXTS)]
        given = None if drawn.labels is None else torch.tensor(drawn.labels)
        return getattr(losses, name)(model).compute_loss_from_embeddings(vectors, given)

    return run


def on_pairs(name):
    return within(name, texts=PAIRS)


SPARSE = {
    "SparseMSELoss": Case(taught("SparseMSELoss"), THREE, ours=teacher),
    "FlopsLoss": Case(flops, THREE),
    "SpladeLoss": Case(splade, THREE),
    "CachedSpladeLoss": Case(partial(splade, name="CachedSpladeLoss", mini_batch_size=4), THREE),
    "SparseMultipleNegativesRankingLoss": Case(within("SparseMultipleNegativesRankingLoss"), THREE),
    "SparseMarginMSELoss": Case(within("SparseMarginMSELoss"), THREE, margins, score),
    "SparseDistillKLDivLoss": Case(within("SparseDistillKLDivLoss"), THREE, margins, score),
    "SparseCoSENTLoss": Case(on_pairs("SparseCoSENTLoss"), labels=grades, ours=score),
    "SparseAnglELoss": Case(on_pairs("SparseAnglELoss"), labels=grades, ours=score),
    "SparseCosineSimilarityLoss": Case(
        on_pairs("SparseCosineSimilarityLoss"), labels=grades, ours=score
    ),
    "SparseTripletLoss": Case(
        within("SparseTripletLoss", texts=(QUERY, POSITIVE, NEGATIVES[0])), THREE
    ),
}


def multi(name, **settings):
    return call(name, TEXTS, **settings)


MULTI_VECTOR = {
    "MultiVectorMultipleNegativesRankingLoss": Case(
        multi("MultiVectorMultipleNegativesRankingLoss"), THREE, tokens=True
    ),
    "CachedMultiVectorMultipleNegativesRankingLoss": Case(
        multi("CachedMultiVectorMultipleNegativesRankingLoss", mini_batch_size=4),
        THREE,
        tokens=True,
    ),
    "MultiVectorDistillKLDivLoss": Case(
        multi("MultiVectorDistillKLDivLoss"), THREE, margins, score, tokens=True
    ),
    "MultiVectorMarginMSELoss": Case(
        multi("MultiVectorMarginMSELoss"), THREE, margins, score, tokens=True
    ),
}
CASES = {
    (package, name): case
    for package, cases in {
        "sentence_transformer": DENSE,
        "sparse_encoder": SPARSE,
        "multi_vector_encoder": MULTI_VECTOR,
    }.items()
    for name, case in cases.items()
}


def both(package: str, name: str, case: Case, seed: int) -> tuple:
    drawn = draw(case.labels, case.tokens, seed)
    if package == "sparse_encoder":
        drawn = drawn._replace(table=np.maximum(drawn.table, 0))
    one_negative = name.endswith(("TripletLoss", "GISTEmbedLoss"))
    if one_negative:
        drawn = drawn._replace(table=drawn.table[: 3 * B], guide=drawn.guide[: 3 * B])
    used = drawn.table.shape[0] if "negatives" in case.columns else len(case.columns) * B
    drawn = drawn._replace(table=drawn.table[:used])
    table = torch.tensor(drawn.table, requires_grad=True)
    mask = None if drawn.mask is None else torch.tensor(drawn.mask)
    losses = getattr(__import__(f"sentence_transformers.{package}.losses"), package).losses
    theirs = case.theirs(losses, Table(table, mask), drawn)
    if isinstance(theirs, dict):
        theirs = sum(theirs.values())
    theirs.backward()
    loss = parse(case.part or ALIASES[package][name].part, Loss, name)
    learned, others = our_columns(case.columns, drawn, case.ours(drawn) if case.ours else {})
    params = None
    if name == "SoftmaxLoss":
        params = {"kernel": jnp.float32(WEIGHTS[:-1]), "bias": jnp.float32(WEIGHTS[-1])}
    ours, grads = our_loss(loss, learned, others, params)
    return (
        float(ours) * case.factor,
        as_table(grads, case.columns) * case.factor,
        float(theirs),
        table.grad.numpy(),
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("package", "name"), CASES)
def test_value_and_gradient_are_the_librarys(package, name, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case = CASES[package, name]
        ours, grads, theirs, their_grads = both(package, name, case, seed)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    size = np.linalg.norm(their_grads)
    assert size > 0 and np.linalg.norm(grads - their_grads) <= 1e-5 * size


def test_every_loss_of_the_library_is_compared():
    """Networks with a decoder, layers or codes of their own have files of their own."""
    compared = {package: set() for package in ALIASES}
    for package, name in CASES:
        compared[package].add(name)
    compared["cross_encoder"] |= {*CROSS, "MultipleNegativesRankingLoss"}
    compared["cross_encoder"] |= {"CachedMultipleNegativesRankingLoss"}
    compared["sparse_encoder"] |= {"CSRReconstructionLoss", "CSRLoss"}
    compared["sentence_transformer"] |= {"AdaptiveLayerLoss", "Matryoshka2dLoss"}
    compared["sentence_transformer"] |= {"DenoisingAutoEncoderLoss"}
    left = {name for package, names in ALIASES.items() for name in set(names) - compared[package]}
    assert not left
