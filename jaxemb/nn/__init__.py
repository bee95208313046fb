"""Layers that networks are built from: masks, positions, activations, attention, dropout, norms."""

from jaxemb.nn.activations import GELU, Activation, ExactGELU, ReLU, SiLU, Tanh
from jaxemb.nn.attention import ALL, AttentionForm, CrossAttention, MultiHead, SelfAttention
from jaxemb.nn.block import (
    Block,
    Checkpointed,
    CheckpointedBlock,
    PostNorm,
    PostNormBlock,
    PreNorm,
    PreNormBlock,
    ResidualBlock,
    SandwichNorm,
    SandwichNormBlock,
)
from jaxemb.nn.convolution import Convolution, ConvolutionBlock, ExpandingBlock
from jaxemb.nn.decoder import Decoder, DecoderBlock, EncoderDecoderAttention
from jaxemb.nn.dense import Dense
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.experts import (
    ExpertFeedForward,
    Experts,
    RenormalizedTopExperts,
    Routing,
    SharedBiasExpertFeedForward,
    SharedBiasExperts,
    TopExperts,
)
from jaxemb.nn.feedforward import (
    BOTH,
    MLP,
    FeedForward,
    FeedForwardForm,
    GatedFeedForward,
    GatedMLP,
)
from jaxemb.nn.kernels import attend
from jaxemb.nn.masks import (
    AttentionMask,
    Bidirectional,
    Causal,
    Echo,
    Prefix,
    Window,
    WithinSegment,
)
from jaxemb.nn.matrix_experts import MatrixExpertFeedForward, MatrixExperts
from jaxemb.nn.norm import BiasFreeLayerNorm, LayerNorm, NoNorm, Norm, OffsetRMSNorm, RMSNorm
from jaxemb.nn.positions import (
    ClippedLearned,
    Learned,
    NoPosition,
    PositionEncoding,
    Sinusoidal,
    WithSegment,
)
from jaxemb.nn.recurrent import (
    GRU,
    LSTM,
    BothWays,
    Cell,
    Direction,
    Elman,
    LeftToRight,
    Recurrence,
    RightToLeft,
)
from jaxemb.nn.relative import BackwardLinearBias, LinearBias, RelativeBuckets
from jaxemb.nn.rotary import (
    BandScaling,
    DynamicNTKScaling,
    LinearScaling,
    NoScaling,
    NTKScaling,
    Rotary,
    RotaryScaling,
    YarnScaling,
)
from jaxemb.nn.sizes import Sizes
