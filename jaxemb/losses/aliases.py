"""What the losses of the library sentence-transformers are called here: names to expressions.

Each is the part as one types it, with that library's default settings. Its cached variants are the
same losses with `train.gradients=grad_cache`, and its gathering over devices is always on here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Alias(NamedTuple):
    """A loss of that library: the part that equals it, and what else there is to know."""

    part: str
    note: str = ""


_CACHED = "train with gradients=grad_cache"
_SUM = "that library sums over the batch's rows, this is their mean"
_BOTH = "blocks=(query_to_document, document_to_query)"
_PAIRS = "scores=pair_scores"
_SPLADE = (
    "sum(losses=(info_nce(temperature=1.0, similarity=dot), flops, flops(columns=('query',))), "
    "weights=(1.0, {document}, {query}))"
)
_TENSION = "the two networks are two towers that share nothing"
_MULTI = "the network gives one vector for each token"

_DENSE = {
    "AdaptiveLayerLoss": Alias("layer_wise(inner=info_nce, alignment=0.3)", "any inner loss"),
    "AnglELoss": Alias("co_sent(similarity=angle)"),
    "BatchAllTripletLoss": Alias("batch_all_triplet"),
    "BatchHardSoftMarginTripletLoss": Alias("batch_hard_soft_triplet"),
    "BatchHardTripletLoss": Alias("batch_hard_triplet"),
    "BatchSemiHardTripletLoss": Alias("batch_semi_hard_triplet"),
    "CoSENTLoss": Alias("co_sent"),
    "ContrastiveLoss": Alias("margin_pairs"),
    "ContrastiveTensionLoss": Alias(
        "pair_cross_entropy(scores=compared(similarity=dot))", f"{_TENSION}; {_SUM}"
    ),
    "ContrastiveTensionLossInBatchNegatives": Alias(
        f"info_nce(temperature=learned_temperature(start=0.05), {_BOTH})", _TENSION
    ),
    "CosineSimilarityLoss": Alias("score_regression"),
    "DenoisingAutoEncoderLoss": Alias(
        "denoising", "with tie_encoder_decoder=False; the data damages the texts: deleted"
    ),
    "DistillKLDivLoss": Alias("score_distillation"),
    "EmbedDistillLoss": Alias(
        "vector_distillation", "with a projection: projected(inner=..., dim=...)"
    ),
    "GISTEmbedLoss": Alias(
        "info_nce(temperature=0.01, candidates=guided(inner=keep_all), partition=joint, "
        "blocks=(query_to_document, query_to_query, positive_to_positive))",
        "the guide's vectors stand in the columns query_teacher, positive_teacher, negatives_teacher",
    ),
    "GlobalOrthogonalRegularizationLoss": Alias("global_orthogonality"),
    "MSELoss": Alias("vector_distillation(similarity=mean_square)"),
    "MarginMSELoss": Alias("margin_distillation"),
    "Matryoshka2dLoss": Alias(
        "layer_wise(inner=matryoshka(inner=info_nce, dims=(64, 128)), alignment=0.3)",
        "sampled_dimension draws one length each step",
    ),
    "MatryoshkaLoss": Alias("matryoshka(inner=info_nce, dims=(64, 128))", "any inner loss"),
    "MegaBatchMarginLoss": Alias("hardest_negative"),
    "MultipleNegativesRankingLoss": Alias("info_nce"),
    "MultipleNegativesSymmetricRankingLoss": Alias(f"info_nce({_BOTH})"),
    "OnlineContrastiveLoss": Alias("hard_margin_pairs", _SUM),
    "SoftmaxLoss": Alias("pair_classifier(classes=3)"),
    "TripletLoss": Alias("triplet"),
}
_DENSE |= {
    "CachedGISTEmbedLoss": Alias(_DENSE["GISTEmbedLoss"].part, _CACHED),
    "CachedMultipleNegativesRankingLoss": Alias("info_nce", _CACHED),
    "CachedMultipleNegativesSymmetricRankingLoss": Alias(f"info_nce({_BOTH})", _CACHED),
}

_SPARSE = {
    "CSRLoss": Alias(
        "sum(losses=(sparse_reconstruction(beta=0.1), info_nce(temperature=1.0, similarity=dot)))",
        "one sparse_reconstruction for each column; the network is a sparse autoencoder",
    ),
    "CSRReconstructionLoss": Alias("sparse_reconstruction", "one for each column"),
    "CachedSpladeLoss": Alias(_SPLADE.format(document=3e-5, query=5e-5), _CACHED),
    "FlopsLoss": Alias("flops"),
    "SparseAnglELoss": Alias("co_sent(similarity=angle)"),
    "SparseCoSENTLoss": Alias("co_sent"),
    "SparseCosineSimilarityLoss": Alias("score_regression"),
    "SparseDistillKLDivLoss": Alias("score_distillation(temperature=2.0)"),
    "SparseMSELoss": Alias("vector_distillation(similarity=mean_square)"),
    "SparseMarginMSELoss": Alias("margin_distillation"),
    "SparseMultipleNegativesRankingLoss": Alias("info_nce(temperature=1.0, similarity=dot)"),
    "SparseTripletLoss": Alias("triplet"),
    "SpladeLoss": Alias(
        _SPLADE.format(document=3e-5, query=5e-5), "the weights are of the user's choice"
    ),
}

_CROSS = {
    "ADRMSELoss": Alias(f"rank_regression({_PAIRS})"),
    "BinaryCrossEntropyLoss": Alias(f"pair_cross_entropy({_PAIRS})"),
    "CachedMultipleNegativesRankingLoss": Alias("first_document(scores=squashed)", _CACHED),
    "CrossEntropyLoss": Alias("classification"),
    "LambdaLoss": Alias(f"lambda_loss({_PAIRS})"),
    "ListMLELoss": Alias(f"list_mle({_PAIRS})", "documents are sorted by score"),
    "ListNetLoss": Alias(f"list_net({_PAIRS})"),
    "MSELoss": Alias(f"score_regression({_PAIRS})"),
    "MarginMSELoss": Alias(f"margin_distillation({_PAIRS})"),
    "MultipleNegativesRankingLoss": Alias(
        "first_document(scores=squashed)", "the data draws the negatives of a row"
    ),
    "PListMLELoss": Alias(
        f"list_mle({_PAIRS}, places=halving_places)", "documents are sorted by score"
    ),
    "RankNetLoss": Alias(
        f"sum(losses=(rank_net({_PAIRS}),), weights=(1.4426950408889634,))",
        "that library takes logarithms to base 2; rank_net alone takes natural ones",
    ),
}

_MULTI_VECTOR = {
    "CachedMultiVectorMultipleNegativesRankingLoss": Alias(
        "info_nce(temperature=1.0, similarity=max_sim)", f"{_MULTI}; {_CACHED}"
    ),
    "MultiVectorDistillKLDivLoss": Alias(
        "score_distillation(scores=compared(similarity=max_sim))", _MULTI
    ),
    "MultiVectorMarginMSELoss": Alias(
        "margin_distillation(scores=compared(similarity=max_sim))", _MULTI
    ),
    "MultiVectorMultipleNegativesRankingLoss": Alias(
        "info_nce(temperature=1.0, similarity=max_sim)", _MULTI
    ),
}

ALIASES: Mapping[str, Mapping[str, Alias]] = MappingProxyType(
    {
        "sentence_transformer": _DENSE,
        "sparse_encoder": _SPARSE,
        "cross_encoder": _CROSS,
        "multi_vector_encoder": _MULTI_VECTOR,
    }
)
"""By the package of that library, then by the name of the class."""
