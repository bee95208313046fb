"""Layers that networks are built from: masks, positions, activations, attention, dropout, norms."""

from jaxemb.nn.activations import GELU, Activation, ExactGELU, ReLU, SiLU, Tanh
from jaxemb.nn.attention import CrossAttention, SelfAttention
from jaxemb.nn.block import PostNormBlock, PreNormBlock
from jaxemb.nn.dense import Dense
from jaxemb.nn.dropout import Dropout
from jaxemb.nn.feedforward import FeedForward, GatedFeedForward
from jaxemb.nn.masks import AttentionMask, Bidirectional, Causal
from jaxemb.nn.norm import LayerNorm, NoNorm, Norm, RMSNorm
from jaxemb.nn.positions import (
    Learned,
    NoPosition,
    PositionEncoding,
    Rotary,
    Sinusoidal,
    WithSegment,
)
