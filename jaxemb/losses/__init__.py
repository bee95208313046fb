"""Losses: a batch's columns in, named terms of (value, weight) per row out; wrappers go around any."""

from jaxemb.losses.aliases import ALIASES, Alias
from jaxemb.losses.base import (
    Columns,
    Loss,
    LossState,
    Term,
    check_columns,
    column,
    reduce,
    row_weights,
    vectors,
    weights,
)
from jaxemb.losses.batch import Batch, Side
from jaxemb.losses.blocks import (
    ALL_BLOCKS,
    Block,
    ByRow,
    DocumentToDocument,
    DocumentToQuery,
    InBatch,
    Joint,
    Partition,
    PositiveToPositive,
    QueryToDocument,
    QueryToOwnDocuments,
    QueryToQuery,
    Scores,
)
from jaxemb.losses.candidates import (
    Candidates,
    Guided,
    Identity,
    KeepAll,
    MaskDuplicates,
    OtherFamily,
    Pairs,
    RelativelyGuided,
    SameFamily,
)
from jaxemb.losses.classification import Classification, DeepPairClassifier, PairClassifier
from jaxemb.losses.composition import (
    Composed,
    Composer,
    Headed,
    ItemMax,
    ItemMean,
    ItemSlices,
)
from jaxemb.losses.denoising import Denoising
from jaxemb.losses.distillation import (
    MarginDistillation,
    Projected,
    ScoreDistillation,
    VectorDistillation,
)
from jaxemb.losses.embedded import (
    Depths,
    Embedded,
    Logits,
    Pieces,
    Reading,
    States,
    Vector,
    VectorWithLogits,
    VectorWithPieces,
    embedded,
    flat_items,
    stacked,
)
from jaxemb.losses.extras import FromExtra, RouterBalance, SparseReconstruction
from jaxemb.losses.families import OfFamily
from jaxemb.losses.hardness import (
    AdditiveMargin,
    AllNegatives,
    BelowTarget,
    Concentrated,
    Focal,
    HardnessWeighted,
    InBatchNegatives,
    OwnNegatives,
    Selection,
)
from jaxemb.losses.info_nce import InfoNCE, info_nce
from jaxemb.losses.lambda_loss import (
    EqualPairs,
    LambdaLoss,
    LambdaRank,
    NDCGLoss1,
    NDCGLoss2,
    NDCGLoss2PP,
    PairWeights,
)
from jaxemb.losses.language import (
    BagOfWords,
    MaskedLanguageModel,
    MaskedNextToken,
    NextToken,
    TokenLoss,
)
from jaxemb.losses.layer_wise import LayerWise
from jaxemb.losses.list_mle import EqualPlaces, HalvingPlaces, ListMLE, PlaceWeights
from jaxemb.losses.masked_reconstruction import MaskedAutoEncoding, MaskedReconstruction
from jaxemb.losses.matryoshka import Matryoshka, SampledDimension
from jaxemb.losses.mixtures import MixedList, MixedNegatives, MixedPairs
from jaxemb.losses.multiple_positives import MultiplePositives
from jaxemb.losses.negative_sampling import NegativeSampling
from jaxemb.losses.pairs import (
    CoSENT,
    HardMarginPairs,
    MarginPairs,
    PairCrossEntropy,
    ScoreRegression,
)
from jaxemb.losses.progressive import Progressive
from jaxemb.losses.queue import Memory, NoMemory, Queue
from jaxemb.losses.ranking import FirstDocument, ListNet, RankNet, RankRegression
from jaxemb.losses.reconstruction import Reconstruction
from jaxemb.losses.regularisers import Alignment, EffectiveRank, Flops, OwnQuery, SquaredNorm
from jaxemb.losses.reweighting import Contest, Debiased, Decoupled, Reweighting, Softmax
from jaxemb.losses.roles import InRoles
from jaxemb.losses.scores import Compared, Listed, PairScores, Scored, Scorer, Squashed
from jaxemb.losses.sigmoid import SigmoidPairs
from jaxemb.losses.similarity import (
    Angle,
    Angular,
    Cosine,
    Dot,
    Euclidean,
    Manhattan,
    MaxSim,
    MeanSquare,
    Similarity,
    SparseDot,
    unit,
)
from jaxemb.losses.spread import GlobalOrthogonality, Regulariser, SpreadOut, Uniformity
from jaxemb.losses.structure import (
    NeighbourDistillation,
    OrderDistillation,
    SimilarityDistillation,
    Structure,
)
from jaxemb.losses.supervised import SupervisedContrastive
from jaxemb.losses.temperature import LearnedTemperature, Temperature
from jaxemb.losses.tiled import TiledInfoNCE
from jaxemb.losses.total import Sum
from jaxemb.losses.triplets import (
    BatchAllTriplet,
    BatchHardSoftTriplet,
    BatchHardTriplet,
    BatchSemiHardTriplet,
    BatchTriplets,
    HardestNegative,
    Triplet,
)
from jaxemb.losses.wrapper import Wrapper
