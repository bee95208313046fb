"""Hidden states to one vector for each example, or to several."""

from jaxemb.pooling.attention import AttentionPooling, LatentOverLayers, LatentOverTokens
from jaxemb.pooling.base import Pooling
from jaxemb.pooling.basic import (
    FirstToken,
    LastToken,
    Max,
    Mean,
    PositionWeightedMean,
    RootLengthSum,
    Sum,
)
from jaxemb.pooling.chosen import AtMarkers, WithoutPrompt
from jaxemb.pooling.combined import Concatenation, LayerConcatenation, Min, PowerMean
from jaxemb.pooling.inner_attention import InnerAttention
from jaxemb.pooling.layers import LayerMean, LayerMix
from jaxemb.pooling.networks import ConvolutionPooling, FirstDecoderStep, RecurrentPooling
from jaxemb.pooling.paragraph import ParagraphBag, ParagraphMemory
from jaxemb.pooling.positions import BothEnds, FirstTokens, Trimmed
from jaxemb.pooling.several import EachToken, SelectedTokens
from jaxemb.pooling.vocabulary import VocabularyMax, VocabularySum
