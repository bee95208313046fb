"""Hidden states to one vector an example."""

from jaxemb.pooling.attention import AttentionPooling, LatentOverLayers, LatentOverTokens
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import (
    FirstToken,
    LastToken,
    Max,
    Mean,
    PositionWeightedMean,
    RootLengthSum,
)
from jaxemb.pooling.combined import Concatenation, LayerConcatenation, Min, PowerMean
from jaxemb.pooling.vocabulary import VocabularyMax
