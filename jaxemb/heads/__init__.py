"""Pooled vectors to the vectors a model returns, and hidden states to logits."""

from jaxemb.heads.base import Activated, Chain, Head, Identity, Linear, Normalize, Normed
from jaxemb.heads.language_model import (
    BiasedOutput,
    LanguageModelHead,
    NormedLayer,
    Output,
    SoftCappedOutput,
    StateTransform,
    Unchanged,
    UntiedLanguageModelHead,
)
