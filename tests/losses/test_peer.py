"""Every loss of the library sentence-transformers against the part that is said to equal it.

Value and gradient, on random vectors that a network of one table hands out by number. Skipped where
that library is not installed.
"""

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxemb.config import parse
from jaxemb.losses import ALIASES, Embedded, Loss, LossState, embedded, reduce

torch = pytest.importorskip("torch")
library = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

B, W, K, T = 6, 8, 2, 4  # rows, width, negatives, tokens
KEY = jax.random.key(0)


def test_every_loss_of_the_library_has_an_alias():
    for package, names in ALIASES.items():
        room = getattr(__import__(f"sentence_transformers.{package}.losses"), package).losses
        public = {n for n in vars(room) if re.fullmatch(r"\w+Loss(InBatchNegatives)?", n)}
        assert public == set(names)


# --- the library's side


class Table(torch.nn.Module):
    """A network that hands out the rows of a table: `input_ids` are their numbers."""

    device = torch.device("cpu")
    similarity_fn_name = None

    def __init__(self, table: Any, mask: Any = None, extra: dict[str, Any] | None = None):
        super().__init__()
        self.table, self.mask, self.extra = table, mask, extra or {}

    def forward(self, features: dict, **_: Any) -> dict:
        rows = features["input_ids"][:, 0]
        found = {name: x[rows] for name, x in self.extra.items()}
        if self.mask is not None:
            unit = torch.nn.functional.normalize(self.table[rows], dim=-1)
            return {"token_embeddings": unit, "attention_mask": self.mask[rows].long(), **found}
        return {**features, "sentence_embedding": self.table[rows], **found}

    def get_embedding_dimension(self) -> int:
        return self.table.shape[1]

    def __getitem__(self, index: int) -> None:
        return None


def features(*columns: range) -> list[dict]:
    return [
        {
            "input_ids": torch.tensor(list(c))[:, None],
            "attention_mask": torch.ones(len(c), 1).long(),
        }
        for c in columns
    ]


QUERY, POSITIVE = range(B), range(B, 2 * B)
NEGATIVES = [range((2 + k) * B, (3 + k) * B) for k in range(K)]
PAIRS, TEXTS = (QUERY, POSITIVE), (QUERY, POSITIVE, *NEGATIVES)


class Drawn(NamedTuple):
    """Vectors of all texts, a mask of tokens, labels and a teacher's vectors."""

    table: np.ndarray
    mask: np.ndarray | None
    labels: Any
    guide: np.ndarray


def draw(labels: Callable | None, tokens: bool, seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    n = (2 + K) * B
    mask = (np.arange(T) < rng.integers(1, T + 1, (n, 1))) if tokens else None
    shape = (n, T, W) if tokens else (n, W)
    made = labels(rng) if labels else None
    return Drawn(rng.normal(size=shape), mask, made, rng.normal(size=(n, W)))


# --- our side


def our_columns(case: "Case", drawn: Drawn) -> tuple[dict, dict]:
    table = jnp.asarray(drawn.table, jnp.float32)

    def column(x: Any) -> Any:
        x = x.reshape(-1, B, *x.shape[1:])
        shaped = {"query": x[0], "positive": x[1], "negatives": jnp.moveaxis(x[2:], 0, 1)}
        return {name: shaped[name] for name in case.columns}

    learned = column(table)
    if drawn.mask is not None:
        masks = column(jnp.asarray(drawn.mask))
        learned = {name: Embedded(x, masks[name]) for name, x in learned.items()}
    others = {}
    for name, value in (case.ours(drawn) if case.ours else {}).items():
        value = np.asarray(value)
        kind = jnp.int32 if value.dtype.kind in "ib" else jnp.float32
        others[name] = jnp.asarray(value, kind)
    return learned, others


def our_loss(loss: Loss, learned: dict, others: dict, params: Any) -> tuple[Any, Any]:
    state = loss.init(KEY, {**learned, **others})
    state = LossState(state.params if params is None else params, state.memory)

    @jax.jit
    def run(floats, masks):
        seen = {n: Embedded(x, masks.get(n)) for n, x in floats.items()}
        terms, _ = loss.apply(state, {**seen, **others}, key=KEY)
        return reduce(terms)[0]

    floats = {name: embedded(x).vectors for name, x in learned.items()}
    masks = {name: embedded(x).real for name, x in learned.items()}
    return jax.value_and_grad(run)(floats, masks)


def as_table(grads: dict, columns: tuple[str, ...]) -> np.ndarray:
    """Gradients in the order of the library's table."""
    parts = [grads[n] for n in columns if n != "negatives"]
    if "negatives" in columns:
        parts += list(np.moveaxis(np.asarray(grads["negatives"]), 1, 0))
    return np.concatenate(parts)


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


def taught(**settings):
    def run(losses, model, drawn):
        guide = torch.tensor(drawn.guide).reshape(-1, B, W).transpose(0, 1)
        name = "EmbedDistillLoss" if settings else "MSELoss"
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
    "EmbedDistillLoss": Case(taught(distance_metric="cosine"), THREE, ours=teacher),
    "MSELoss": Case(taught(), THREE, ours=teacher),
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
    learned, others = our_columns(case, drawn)
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
LISTS = ["ListNetLoss", "ListMLELoss", "PListMLELoss", "RankNetLoss", "LambdaLoss", "ADRMSELoss"]


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


CROSS = [*LISTS, "MarginMSELoss", "BinaryCrossEntropyLoss", "MSELoss", "CrossEntropyLoss"]


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
    names = {
        "input": "sentence_embedding_backbone",
        "decoded": "decoded_embedding_k",
        "decoded_4k": "decoded_embedding_4k",
        "decoded_aux": "decoded_embedding_aux",
        "decoded_without_bias": "decoded_embedding_k_pre_bias",
    }
    given = {name: rng.normal(size=(B, W)) for name in names}
    losses = library.sparse_encoder.losses
    outputs = [{theirs: torch.tensor(given[ours]) for ours, theirs in names.items()}]
    made = losses.CSRReconstructionLoss(Table(torch.zeros(1, W)))
    theirs = made.compute_loss_from_embeddings(outputs)
    loss = parse(ALIASES["sparse_encoder"]["CSRReconstructionLoss"].part, Loss, "loss")
    extra = {name: jnp.asarray(x, jnp.float32) for name, x in given.items()}
    found = Embedded(jnp.zeros((B, W)), extra=extra)
    _, parts = reduce(loss({"query": found}, key=KEY))
    for ours, name in zip(("k", "4k", "aux"), theirs.values(), strict=True):
        np.testing.assert_allclose(parts[ours], float(name), rtol=1e-5)


def test_what_the_library_is_not_compared_on():
    """Networks with a decoder or layers of their own, and sums of what is compared above."""
    compared = {package: set() for package in ALIASES}
    for package, name in CASES:
        compared[package].add(name)
    compared["cross_encoder"] |= {*CROSS, "MultipleNegativesRankingLoss"}
    compared["cross_encoder"] |= {"CachedMultipleNegativesRankingLoss"}
    compared["sparse_encoder"] |= {"CSRReconstructionLoss"}
    left = {name for package, names in ALIASES.items() for name in set(names) - compared[package]}
    assert left == {
        "AdaptiveLayerLoss", "Matryoshka2dLoss", "DenoisingAutoEncoderLoss", "CSRLoss",
        "SparseMSELoss",
    }  # fmt: skip
