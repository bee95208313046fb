"""Pooled vectors to those a model returns, to numbers for a pair, to tokens; states to logits."""

from jaxemb.heads.base import (
    Activated,
    Chain,
    FirstNumbers,
    Head,
    Identity,
    Linear,
    Normalize,
    Normed,
)
from jaxemb.heads.decoders import CausalDecoder, RecursiveDecoder, TextDecoder, TokenDecoder
from jaxemb.heads.feed_forward import FeedForwardHead
from jaxemb.heads.language_model import (
    BiasedOutput,
    ComposedLanguageModelHead,
    LanguageModelHead,
    NormedLayer,
    Output,
    SoftCappedOutput,
    StateTransform,
    Unchanged,
    UntiedLanguageModelHead,
)
from jaxemb.heads.masked_decoders import MaskedDecoder, OneStreamDecoder, TwoStreamDecoder
from jaxemb.heads.pairs import (
    AbsoluteDifference,
    Difference,
    First,
    PairFeature,
    PairHead,
    Product,
    Second,
)
