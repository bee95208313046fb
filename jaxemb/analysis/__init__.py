"""Vectors to numbers without labels: costs of training, what a width can rank, similarities."""

from jaxemb.analysis.agreement import adjacent_similarity, similarity_matrix
from jaxemb.analysis.capacity import (
    FreeVectors,
    Trained,
    critical_size,
    recovered,
    subsets,
    trigonometric,
)
from jaxemb.analysis.geometry import (
    FirstDimensions,
    PrincipalComponents,
    RandomDimensions,
    RandomProjection,
    Reduction,
    distinct,
    intrinsic_dimension,
    neighbour_ratios,
)
from jaxemb.analysis.hamming import HammingBound
from jaxemb.analysis.pairs import PairAudit, audit_pairs
from jaxemb.analysis.position import SentenceWeights, inserted, removed, sentence_weights
