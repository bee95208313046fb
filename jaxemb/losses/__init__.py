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
from jaxemb.losses.candidates import Candidates, Identity, KeepAll, MaskDuplicates, SameFamily
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
from jaxemb.losses.info_nce import (
    Block,
    ByRow,
    DocumentToDocument,
    DocumentToQuery,
    InfoNCE,
    Joint,
    Partition,
    QueryToDocument,
    QueryToQuery,
    info_nce,
)
from jaxemb.losses.layer_wise import LayerWise
from jaxemb.losses.matryoshka import Matryoshka, SampledDimension
from jaxemb.losses.negative_sampling import NegativeSampling
from jaxemb.losses.similarity import Cosine, Dot, MaxSim, Similarity, SparseDot, unit
from jaxemb.losses.temperature import LearnedTemperature, Temperature
from jaxemb.losses.wrapper import Wrapper
