"""Hidden states to one vector an example."""

from jaxemb.pooling.attention import AttentionPooling, LatentOverLayers, LatentOverTokens
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import (
    Concatenation,
    FirstToken,
    LastToken,
    Max,
    Mean,
    PositionWeightedMean,
    RootLengthSum,
)

__all__ = [
    "AttentionPooling",
    "Concatenation",
    "FirstToken",
    "LastToken",
    "LatentOverLayers",
    "LatentOverTokens",
    "Max",
    "Mean",
    "Pooling",
    "PositionWeightedMean",
    "RootLengthSum",
]
