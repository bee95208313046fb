"""Losses: a batch's columns in, named terms of (value, weight) per row out; wrappers go around any."""

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
    Block,
    ByRow,
    DocumentToDocument,
    DocumentToQuery,
    InBatch,
    Joint,
    MixedList,
    MixedNegatives,
    MixedPairs,
    Partition,
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
from jaxemb.losses.embedded import (
    Depths,
    Embedded,
    Logits,
    Reading,
    States,
    Vector,
    embedded,
    flat_items,
    stacked,
)
from jaxemb.losses.info_nce import InfoNCE, info_nce
from jaxemb.losses.layer_wise import LayerWise
from jaxemb.losses.matryoshka import Matryoshka, SampledDimension
from jaxemb.losses.queue import Memory, NoMemory, Queue
from jaxemb.losses.reweighting import (
    AdditiveMargin,
    AllNegatives,
    BelowTarget,
    Concentrated,
    Contest,
    Debiased,
    Decoupled,
    Focal,
    HardnessWeighted,
    InBatchNegatives,
    OwnNegatives,
    Reweighting,
    Selection,
    Softmax,
)
from jaxemb.losses.similarity import (
    Angle,
    Cosine,
    Dot,
    Euclidean,
    Manhattan,
    MaxSim,
    Similarity,
    unit,
)
from jaxemb.losses.temperature import LearnedTemperature, Temperature
from jaxemb.losses.wrapper import Wrapper
