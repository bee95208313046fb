"""Losses: arrays in, named terms of (value, weight) a row out. Any wrapper goes around any loss."""

from jaxemb.losses.base import Loss, Term, check_columns, reduce
from jaxemb.losses.candidates import Candidates, Identity, KeepAll, MaskDuplicates, SameFamily
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
from jaxemb.losses.matryoshka import Matryoshka, SampledDimension, Wrapper
from jaxemb.losses.similarity import Cosine, Dot, Similarity
