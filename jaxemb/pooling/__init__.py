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
from jaxemb.pooling.combined import LayersSideBySide, Min, PowerMean, SideBySide

__all__ = [
    "AttentionPooling",
    "Concatenation",
    "FirstToken",
    "LastToken",
    "LatentOverLayers",
    "LatentOverTokens",
    "LayersSideBySide",
    "Max",
    "Mean",
    "Min",
    "Pooling",
    "PositionWeightedMean",
    "PowerMean",
    "RootLengthSum",
    "SideBySide",
]
