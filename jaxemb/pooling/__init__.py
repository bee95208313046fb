"""Hidden states to one vector an example."""

from jaxemb.pooling.attention import AttentionPooling, LatentOverLayers, LatentOverTokens
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import FirstToken, LastToken, Max, Mean, PositionWeightedMean
from jaxemb.pooling.combined import LayersSideBySide, Min, PowerMean, SideBySide

__all__ = [
    "AttentionPooling",
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
    "SideBySide",
]
