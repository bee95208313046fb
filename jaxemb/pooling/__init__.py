"""Hidden states to one vector an example."""

from jaxemb.pooling.attention import AttentionPooling, LatentOverLayers, LatentOverTokens
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import FirstToken, LastToken, Max, Mean, PositionWeightedMean

__all__ = [
    "AttentionPooling",
    "FirstToken",
    "LastToken",
    "LatentOverLayers",
    "LatentOverTokens",
    "Max",
    "Mean",
    "Pooling",
    "PositionWeightedMean",
]
