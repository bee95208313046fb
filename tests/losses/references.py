"""Every sample of a loss and what it should be, in float64. Not a test itself."""

import math

import numpy as np
from scipy.special import expit

from tests.losses.reference_contrast import (
    additive_margin,
    below_target,
    concentrated,
    cosine,
    debiased,
    decoupled,
    distance,
    focal,
    guided,
    hardest,
    hardness,
    in_family,
    late_interaction,
    matryoshka,
    mixed_list,
    nce,
    own_documents,
    plain,
    progressive,
    queue,
    sigmoid,
    supervised,
)
from tests.losses.reference_lists import (
    batch_all,
    by_label,
    classification,
    cosent,
    first_document,
    hard_margin_pairs,
    lambda_loss,
    lambda_rank,
    list_mle,
    list_net,
    margin_distillation,
    margin_pairs,
    ndcg2,
    ndcg2pp,
    negative_sampling,
    neighbours,
    order_distillation,
    over_lists,
    over_structures,
    pair_cross_entropy,
    pair_scores,
    position_list_mle,
    rank_net,
    rank_regression,
    score_distillation,
    score_regression,
    semi_hard,
    similarity_distillation,
    triplet,
    turn,
    vector_distillation,
)
from tests.losses.reference_spaces import (
    alignment,
    effective_rank,
    flops,
    global_orthogonality,
    info_nce_and_spread,
    own_query,
    router_balance,
    sparse_reconstruction,
    spread_out,
    token_loss,
    uniformity,
)


def angular(a, b):
    return 1 - math.acos(cosine(a, b)) / math.pi


def squared_norm(c):
    """Half the squared length of each text, averaged over the real texts of each column."""
    total = 0.0
    for column in (c["query"][:, None], c["negatives"].vectors):
        real = np.ones(column.shape[:2]) if column.shape[1] == 1 else c["negatives"].real
        weights = c["weight"][:, None] * real
        total += np.sum(weights * np.sum(column**2, axis=2) / 2) / np.sum(weights)
    return total


REFERENCES = {
    "squared_norm": squared_norm,
    "info_nce": lambda c: nce(c, lambda t, o, own: plain(t, o)),
    "tiled": lambda c: nce(c, lambda t, o, own: plain(t, o)),
    "learned_temperature": lambda c: nce(c, lambda t, o, own: plain(t, o)),
    "own_documents": lambda c: nce(c, own_documents),
    "mixed_list": mixed_list,
    "queue": queue,
    "same_family": in_family(True),
    "other_family": in_family(False),
    "guided": guided(lambda own: own - 0.1),
    "relatively_guided": guided(lambda own: own - 0.1 * abs(own)),
    "decoupled": lambda c: nce(c, decoupled),
    "debiased": lambda c: nce(c, debiased),
    "hardness": lambda c: nce(c, hardness(lambda own: own)),
    "hardness_in_batch": lambda c: nce(c, hardness(lambda own: ~own)),
    "hardness_all": lambda c: nce(c, hardness(lambda own: own | True)),
    "sparse_dot": lambda c: nce(c, lambda t, o, own: plain(t, o, 1.0), alike=np.dot),
    "late_interaction": late_interaction,
    "concentrated": lambda c: nce(c, concentrated),
    "focal": lambda c: nce(c, focal),
    "below_target": lambda c: nce(c, below_target),
    "additive_margin": lambda c: nce(c, additive_margin),
    "sigmoid": sigmoid,
    "supervised": supervised,
    "negative_sampling": lambda c: over_lists(c, negative_sampling, np.dot),
    "first_document": lambda c: over_lists(c, first_document),
    "squashed": lambda c: over_lists(c, lambda s, y: list_net(10 * expit(s), y)),
    "pair_scores": pair_scores,
    "hardest_negative": hardest,
    "triplet": lambda c: triplet(1.0, distance, c),
    "triplet_manhattan": lambda c: triplet(2.0, lambda a, b: abs(a - b).sum(), c),
    "batch_hard": lambda c: by_label(c, lambda s, o: (max(max(s) - min(o) + 5, 0), 1)),
    "batch_hard_soft": lambda c: by_label(c, lambda s, o: (np.log1p(np.exp(max(s) - min(o))), 1)),
    "batch_semi_hard": lambda c: by_label(c, semi_hard),
    "batch_all": lambda c: by_label(c, batch_all),
    "margin_pairs": margin_pairs,
    "hard_margin_pairs": hard_margin_pairs,
    "cosent": lambda c: cosent(cosine, c),
    "angle": lambda c: cosent(turn, c),
    "score_regression": score_regression,
    "pair_cross_entropy": pair_cross_entropy,
    "classification": classification,
    "of_family": lambda c: classification({**c, "weight": c["weight"] * (c["family"] == 1)}),
    "angular": lambda c: nce(c, lambda t, o, own: plain(t, o), alike=angular),
    "margin_distillation": lambda c: over_lists(c, margin_distillation, np.dot),
    "score_distillation": lambda c: over_lists(c, score_distillation, np.dot),
    "vector_distillation": lambda c: vector_distillation(c, lambda a, b: 1 - cosine(a, b)),
    "vector_mean_square": lambda c: vector_distillation(c, lambda a, b: ((a - b) ** 2).mean()),
    "similarity_distillation": lambda c: over_structures(c, similarity_distillation),
    "neighbour_distillation": lambda c: over_structures(c, neighbours),
    "order_distillation": lambda c: over_structures(c, order_distillation),
    "rank_net": lambda c: over_lists(c, rank_net),
    "list_net": lambda c: over_lists(c, list_net),
    "list_mle": lambda c: over_lists(c, lambda s, y: (list_mle(s, y)[0], 1)),
    "position_list_mle": lambda c: over_lists(c, position_list_mle),
    "lambda_ndcg1": lambda c: over_lists(
        c, lambda_loss(lambda gain, discount, i, j: gain[i] / discount[i], every=True)
    ),
    "lambda_ndcg2": lambda c: over_lists(c, lambda_loss(ndcg2, cut=2)),
    "lambda_rank": lambda c: over_lists(c, lambda_loss(lambda_rank)),
    "lambda_ndcg2pp": lambda c: over_lists(c, lambda_loss(ndcg2pp, cut=1)),
    "lambda_equal": lambda c: over_lists(c, rank_net) / math.log(2),
    "rank_regression": lambda c: over_lists(c, rank_regression),
    "masked_language_model": lambda c: token_loss(c, 0, c["query_targets"]),
    "masked_next_token": lambda c: token_loss(c, 1, c["query_targets"]),
    "next_token": lambda c: token_loss(c, 1, c["query"].extra["ids"]),
    "answers": lambda c: token_loss(c, 1, c["query_targets"]),
    "spread_out": spread_out,
    "global_orthogonality": global_orthogonality,
    "uniformity": uniformity,
    "alignment": alignment,
    "effective_rank": effective_rank,
    "flops": flops,
    "own_query": own_query,
    "router_balance": router_balance,
    "sparse_reconstruction": sparse_reconstruction,
    "sum": info_nce_and_spread,
    "of_family_contrast": lambda c: REFERENCES["info_nce"](
        {n: x[c["family"] == 1] for n, x in c.items()}
    ),
    "progressive": progressive,
    "matryoshka": matryoshka,
}
