"""Every loss with random columns that it reads. Not a test itself."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxemb import heads
from jaxemb import losses as L
from jaxemb.config import is_part, paths

W, V, T = 6, 7, 5  # width, vocabulary, tokens


class Sample(NamedTuple):
    """A loss, and how its columns are drawn: `rng, rows -> columns` in numpy."""

    loss: L.Loss
    columns: Callable[[np.random.Generator, int], dict[str, Any]]


def texts(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Queries, positives and two negatives for each row, with ids that collide now and then."""
    return {
        "query": rng.normal(size=(rows, W)),
        "positive": rng.normal(size=(rows, W)),
        "negatives": rng.normal(size=(rows, 2, W)),
        "query_id": rng.integers(0, 3 * rows, rows),
        "positive_id": rng.integers(0, 3 * rows, rows),
        "negatives_id": rng.integers(0, 3 * rows, (rows, 2)),
        "weight": np.where(rng.permutation(rows) % 4 == 0, 0.0, rng.uniform(0.5, 2, rows)),
    }


def pairs(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Without negatives; a graded score with ties, and a label that has 0 and 1."""
    columns = texts(rng, rows)
    columns = {n: x for n, x in columns.items() if not n.startswith("negatives")}
    more = {"score": rng.integers(0, 4, rows) / 4, "label": rng.permutation(rows) % 2}
    return columns | more


def labelled_families(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """With a label and a data set of each row."""
    return pairs(rng, rows) | {"family": rng.permutation(rows) % 2}


def parts(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Positives of two vectors in each row."""
    return pairs(rng, rows) | {"positive": rng.normal(size=(rows, 2, W))}


def lists(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """A grade for each of three documents, some of them equal; some negatives are not there."""
    columns = texts(rng, rows)
    real = rng.permutation(2 * rows).reshape(rows, 2) % 5 > 0
    columns["negatives"] = L.Embedded(columns["negatives"], real)
    grades = rng.integers(0, 4, (rows, 3)).astype(float)
    return columns | {"score": grades, "label": grades > 1.5}


def taught(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """With a teacher's vectors of the same width."""
    columns = texts(rng, rows)
    names = ("query", "positive", "negatives")
    return columns | {f"{n}_teacher": rng.normal(size=columns[n].shape) for n in names}


def spelled(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """A vector that can be cut into four, and the text that it was made of."""
    length = rng.integers(1, T + 1, rows)
    extra = {"ids": rng.integers(0, V, (rows, T)), "mask": np.arange(T) < length[:, None]}
    query = L.Embedded(rng.normal(size=(rows, 8)), extra=extra)
    return {"query": query, "weight": texts(rng, rows)["weight"]}


def damaged(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """A vector of each damaged text, and the pieces of the whole one."""
    pieces = spelled(rng, rows)
    whole = L.Embedded(np.zeros((rows, 1)), extra=pieces["query"].extra)
    return pieces | {"query": rng.normal(size=(rows, 8)), "positive": whole}


def masked(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """A vector of each masked text, and the pieces of the whole one, which is padded on the left."""
    vector = rng.normal(size=(rows, 8))
    real = np.arange(T) >= T - rng.integers(1, T + 1, (rows, 1))
    pieces = {"ids": rng.integers(0, V, (rows, T)), "mask": real}
    whole = L.Embedded(np.zeros((rows, 1)), extra=pieces)
    return {"masked": vector, "query": whole, "weight": texts(rng, rows)["weight"]}


def masked_with_logits(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """With the encoder's own logits; about half of the pieces are asked of it."""
    columns = masked(rng, rows)
    whole = columns["query"].extra
    extra = {"logits": rng.normal(size=(rows, T, V)), "mask": whole["mask"]}
    targets = np.where(rng.random((rows, T)) < 0.5, whole["ids"], -100)
    return columns | {
        "masked": L.Embedded(columns["masked"], extra=extra),
        "masked_targets": targets,
    }


def with_own_queries(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    return texts(rng, rows) | {"negatives_query": rng.normal(size=(rows, 2, W))}


def families(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    return texts(rng, rows) | {"family": rng.permutation(rows) % 2}


def layered(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Vectors of three depths."""
    columns = texts(rng, rows)
    for name, shape in {"query": (), "positive": (), "negatives": (2,)}.items():
        columns[name] = rng.normal(size=(rows, *shape, 3, W))
    return columns


def judged(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Three queries and four documents of each row, not all of them real."""
    real = rng.permutation(4 * rows).reshape(rows, 4) % 5 > 0
    return {
        "query": rng.normal(size=(rows, 3, W)),
        "document": L.Embedded(rng.normal(size=(rows, 4, W)), real),
        "relevant": rng.random((rows, 3, 4)) < 0.5,
        "weight": texts(rng, rows)["weight"],
    }


def tokens(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Logits, left-padded; about half of the pieces are asked for."""
    lengths = rng.permutation(rows) % T + 1
    real = np.arange(T) >= T - lengths[:, None]
    ids = rng.integers(0, V, (rows, T))
    logits = L.Embedded(rng.normal(size=(rows, T, V)), real, {"ids": ids})
    targets = np.where(rng.random((rows, T)) < 0.5, ids, -100)
    weight = texts(rng, rows)["weight"]
    return {"query": logits, "query_targets": targets, "weight": weight}


def unasked(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Logits and the text's own pieces alone."""
    return {n: x for n, x in tokens(rng, rows).items() if n != "query_targets"}


def late(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """One vector for each of three tokens, of which at least one is real."""
    columns = texts(rng, rows)
    for name, lead in {"query": (rows,), "positive": (rows,), "negatives": (rows, 2)}.items():
        real = np.arange(3) <= rng.integers(0, 3, (*lead, 1))
        columns[name] = L.Embedded(rng.normal(size=(*lead, 3, W)), real)
    return columns


def bags(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    columns = tokens(rng, rows)
    return columns | {"query": rng.normal(size=(rows, W))}


def routed(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    columns = pairs(rng, rows)
    router = rng.dirichlet(np.ones(4), (rows, 2, T))
    router[:, :, -1] = 0.0
    return columns | {"query": L.Embedded(columns["query"], extra={"router": router})}


def decoded(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    names = ("input", "decoded", "decoded_4k", "decoded_aux", "decoded_without_bias")
    extra = {name: rng.normal(size=(rows, W)) for name in names}
    columns = pairs(rng, rows)
    return columns | {"query": L.Embedded(columns["query"], extra=extra)}


def numbers(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """One number for each of three pairs, as from a cross-encoder."""
    columns = lists(rng, rows)
    real = np.concatenate([np.ones((rows, 1), bool), columns["negatives"].real], axis=1)
    found = L.Embedded(rng.normal(size=(rows, 3, 1)), real)
    return {"query": found, "score": columns["score"], "weight": columns["weight"]}


def sparse(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    columns = texts(rng, rows)
    return {
        n: np.maximum(x, 0) if n in ("query", "positive", "negatives") else x
        for n, x in columns.items()
    }


ALL_BLOCKS = (L.QueryToDocument(), L.DocumentToQuery(), L.QueryToQuery(), L.DocumentToDocument())
INFO_NCE = L.InfoNCE(temperature=0.3)
REMEMBERS = L.InfoNCE(temperature=L.LearnedTemperature(), memory=L.Queue(size=8))
FEATURES = (heads.First(), heads.Second(), heads.AbsoluteDifference(), heads.Product())

SAMPLES = {
    "info_nce": Sample(INFO_NCE, texts),
    "all_blocks": Sample(L.InfoNCE(temperature=0.3, blocks=ALL_BLOCKS), texts),
    "joint": Sample(L.InfoNCE(temperature=0.3, blocks=ALL_BLOCKS, partition=L.Joint()), texts),
    "tiled": Sample(L.TiledInfoNCE(temperature=0.3, tile=3), texts),
    "tiled_blocks": Sample(
        L.TiledInfoNCE(
            temperature=L.LearnedTemperature(start=0.3),
            blocks=(*ALL_BLOCKS, L.MixedList(temperature=0.2)),
            partition=L.Joint(),
            reweighting=L.Focal(gamma=2.0),
            memory=L.Queue(size=12),
            tile=3,
        ),
        texts,
    ),
    "learned_temperature": Sample(L.InfoNCE(temperature=L.LearnedTemperature(start=0.3)), texts),
    "own_documents": Sample(L.InfoNCE(temperature=0.3, blocks=(L.QueryToOwnDocuments(),)), texts),
    "mixed_pairs": Sample(
        L.InfoNCE(temperature=0.3, blocks=(L.QueryToDocument(), L.MixedPairs(mixtures=2))), texts
    ),
    "mixed_list": Sample(
        L.InfoNCE(temperature=0.3, blocks=(L.QueryToDocument(), L.MixedList(temperature=0.2))),
        texts,
    ),
    "queue": Sample(L.InfoNCE(temperature=0.3, memory=L.Queue(size=12)), texts),
    "same_family": Sample(L.InfoNCE(temperature=0.3, candidates=L.SameFamily()), families),
    "other_family": Sample(L.InfoNCE(temperature=0.3, candidates=L.OtherFamily()), families),
    "guided": Sample(L.InfoNCE(temperature=0.3, candidates=L.Guided(margin=0.1)), taught),
    "relatively_guided": Sample(
        L.InfoNCE(temperature=0.3, candidates=L.RelativelyGuided(margin=0.1)), taught
    ),
    "decoupled": Sample(L.InfoNCE(temperature=0.3, reweighting=L.Decoupled()), texts),
    "debiased": Sample(L.InfoNCE(temperature=0.3, reweighting=L.Debiased()), texts),
    "hardness": Sample(
        L.InfoNCE(temperature=0.3, reweighting=L.HardnessWeighted(among=L.OwnNegatives())), texts
    ),
    "hardness_in_batch": Sample(
        L.InfoNCE(temperature=0.3, reweighting=L.HardnessWeighted(among=L.InBatchNegatives())),
        texts,
    ),
    "hardness_all": Sample(L.InfoNCE(temperature=0.3, reweighting=L.HardnessWeighted()), texts),
    "sparse_dot": Sample(L.InfoNCE(temperature=1.0, similarity=L.SparseDot()), texts),
    "late_interaction": Sample(L.InfoNCE(temperature=1.0, similarity=L.MaxSim()), late),
    "late_distillation": Sample(
        L.MarginDistillation(scores=L.Compared(similarity=L.MaxSim())),
        lambda rng, rows: late(rng, rows) | {"score": rng.normal(size=(rows, 3))},
    ),
    "concentrated": Sample(
        L.InfoNCE(temperature=0.5, reweighting=L.Concentrated(inner=L.Debiased())), texts
    ),
    "focal": Sample(L.InfoNCE(temperature=0.3, reweighting=L.Focal(gamma=2.0)), texts),
    "below_target": Sample(L.InfoNCE(temperature=0.3, reweighting=L.BelowTarget()), texts),
    "additive_margin": Sample(L.InfoNCE(temperature=0.3, reweighting=L.AdditiveMargin()), texts),
    "sigmoid": Sample(L.SigmoidPairs(bias=-1.0), texts),
    "negative_sampling": Sample(L.NegativeSampling(), lists),
    "first_document": Sample(L.FirstDocument(scores=L.Compared(temperature=0.3)), lists),
    "squashed": Sample(L.ListNet(scores=L.Squashed(inner=L.Compared())), lists),
    "pair_scores": Sample(L.RankNet(scores=L.PairScores()), numbers),
    "positive_to_positive": Sample(
        L.InfoNCE(
            temperature=0.3,
            blocks=(L.QueryToDocument(), L.QueryToQuery(), L.PositiveToPositive()),
            partition=L.Joint(),
        ),
        texts,
    ),
    "supervised": Sample(L.SupervisedContrastive(temperature=0.3), pairs),
    "multiple_positives": Sample(L.MultiplePositives(temperature=0.3), judged),
    "hardest_negative": Sample(L.HardestNegative(), texts),
    "triplet": Sample(L.Triplet(margin=1.0), lists),
    "triplet_manhattan": Sample(L.Triplet(similarity=L.Manhattan(), margin=2.0), texts),
    "batch_hard": Sample(L.BatchHardTriplet(), pairs),
    "batch_hard_soft": Sample(L.BatchHardSoftTriplet(), pairs),
    "batch_semi_hard": Sample(L.BatchSemiHardTriplet(margin=1.0), pairs),
    "batch_all": Sample(L.BatchAllTriplet(margin=0.5), pairs),
    "margin_pairs": Sample(L.MarginPairs(), pairs),
    "hard_margin_pairs": Sample(L.HardMarginPairs(), pairs),
    "cosent": Sample(L.CoSENT(temperature=0.2), pairs),
    "angle": Sample(L.CoSENT(temperature=0.2, similarity=L.Angle()), pairs),
    "score_regression": Sample(L.ScoreRegression(), pairs),
    "pair_cross_entropy": Sample(L.PairCrossEntropy(positive_weight=2.0), pairs),
    "pair_classifier": Sample(
        L.PairClassifier(classes=2, features=FEATURES),
        pairs,
    ),
    "deep_pair_classifier": Sample(
        L.DeepPairClassifier(head=heads.PairHead(inner=heads.Linear(dim=2))), pairs
    ),
    "classification": Sample(L.Classification(), pairs),
    "of_family": Sample(L.OfFamily(inner=L.Classification(), family=1), labelled_families),
    "angular": Sample(L.InfoNCE(temperature=0.3, similarity=L.Angular()), texts),
    "margin_distillation": Sample(L.MarginDistillation(), lists),
    "score_distillation": Sample(L.ScoreDistillation(temperature=2.0), lists),
    "vector_distillation": Sample(L.VectorDistillation(), taught),
    "vector_mean_square": Sample(L.VectorDistillation(similarity=L.MeanSquare()), taught),
    "projected": Sample(
        L.Projected(inner=L.VectorDistillation(similarity=L.Euclidean()), dim=W), taught
    ),
    "of_parts": Sample(L.Composed(inner=L.InfoNCE(temperature=0.3)), parts),
    "of_slices": Sample(L.Composed(inner=L.Alignment(), composer=L.ItemSlices()), parts),
    "headed": Sample(L.Headed(inner=L.InfoNCE(temperature=0.3)), pairs),
    "in_roles": Sample(
        L.InRoles(
            inner=L.Triplet(margin=0.5), query="positive", positive="query", negatives="negatives"
        ),
        texts,
    ),
    "similarity_distillation": Sample(L.SimilarityDistillation(), taught),
    "neighbour_distillation": Sample(L.NeighbourDistillation(temperature=0.3), taught),
    "order_distillation": Sample(L.OrderDistillation(), taught),
    "rank_net": Sample(L.RankNet(), lists),
    "list_net": Sample(L.ListNet(), lists),
    "list_mle": Sample(L.ListMLE(), lists),
    "position_list_mle": Sample(L.ListMLE(places=L.HalvingPlaces()), lists),
    "lambda_ndcg1": Sample(L.LambdaLoss(pairs=L.NDCGLoss1()), lists),
    "lambda_ndcg2": Sample(L.LambdaLoss(pairs=L.NDCGLoss2(), cut=2), lists),
    "lambda_rank": Sample(L.LambdaLoss(pairs=L.LambdaRank()), lists),
    "lambda_ndcg2pp": Sample(L.LambdaLoss(cut=1), lists),
    "lambda_equal": Sample(L.LambdaLoss(pairs=L.EqualPairs()), lists),
    "rank_regression": Sample(L.RankRegression(), lists),
    "masked_language_model": Sample(L.MaskedLanguageModel(), tokens),
    "masked_next_token": Sample(L.MaskedNextToken(), tokens),
    "next_token": Sample(L.NextToken(), unasked),
    "answers": Sample(L.NextToken(), tokens),
    "reconstruction": Sample(
        L.Reconstruction(decoder=heads.RecursiveDecoder(vocabulary=V, blocks=1)), spelled
    ),
    "denoising": Sample(
        L.Denoising(decoder=heads.CausalDecoder(vocabulary=V, heads=2, hidden=8)), damaged
    ),
    "masked_reconstruction": Sample(
        L.MaskedReconstruction(decoder=heads.OneStreamDecoder(vocabulary=V, heads=2, hidden=8)),
        masked,
    ),
    "masked_auto_encoding": Sample(
        L.MaskedAutoEncoding(decoder=heads.TwoStreamDecoder(vocabulary=V, heads=2, hidden=8)),
        masked_with_logits,
    ),
    "bag_of_words": Sample(L.BagOfWords(vocabulary=V), bags),
    "spread_out": Sample(L.SpreadOut(columns=("query", "negatives")), lists),
    "squared_norm": Sample(L.SquaredNorm(columns=("query", "negatives")), lists),
    "global_orthogonality": Sample(L.GlobalOrthogonality(), lists),
    "uniformity": Sample(L.Uniformity(), texts),
    "alignment": Sample(L.Alignment(power=3.0), texts),
    "effective_rank": Sample(L.EffectiveRank(columns=("query", "positive")), texts),
    "flops": Sample(L.Flops(spares=2), sparse),
    "own_query": Sample(L.OwnQuery(), with_own_queries),
    "router_balance": Sample(L.RouterBalance(), routed),
    "sparse_reconstruction": Sample(L.SparseReconstruction(), decoded),
    "sum": Sample(
        L.Sum(losses=(INFO_NCE, L.SpreadOut(), INFO_NCE), weights=(1.0, 0.5, 0.25)), texts
    ),
    "of_family_contrast": Sample(L.OfFamily(inner=INFO_NCE, family=1), families),
    "progressive": Sample(L.Progressive(inner=INFO_NCE, start=0.5, steps=3), texts),
    "matryoshka": Sample(L.Matryoshka(inner=INFO_NCE, dims=(2, W), weights=(0.5, 1.0)), texts),
    "composed": Sample(
        L.Matryoshka(
            inner=L.Progressive(inner=L.Sum(losses=(REMEMBERS, L.SpreadOut()))), dims=(2, W)
        ),
        texts,
    ),
    "sampled_dimension": Sample(L.SampledDimension(inner=INFO_NCE, dims=(2, 4)), texts),
    "layer_wise": Sample(L.LayerWise(inner=INFO_NCE), layered),
}


def as_jax(columns: dict[str, Any]) -> dict[str, Any]:
    """In 32 bits."""
    kinds = {"i": jnp.int32, "f": jnp.float32, "b": jnp.bool_}

    def array(x: Any) -> Any:
        x = np.asarray(x)
        return jnp.asarray(x, kinds[x.dtype.kind])

    def one(value: Any) -> Any:
        if not isinstance(value, L.Embedded):
            return array(value)
        real = None if value.real is None else array(value.real)
        return L.Embedded(array(value.vectors), real, {n: array(x) for n, x in value.extra.items()})

    return {name: one(value) for name, value in columns.items()}


def parts() -> list[Any]:
    """Every loss of the samples, and every part in it."""
    readings = [x for sample in SAMPLES.values() for x in sample.loss.reads.values()]
    values = [value for sample in SAMPLES.values() for value in paths(sample.loss).values()]
    whole = [sample.loss for sample in SAMPLES.values()]
    return [*whole, *readings, *(x for x in values if is_part(x))]
