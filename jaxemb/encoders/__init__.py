"""Whole networks: token vectors and a mask to the hidden states of every depth."""

from jaxemb.encoders.bag import Bag
from jaxemb.encoders.base import Encoder
from jaxemb.encoders.transformer import (
    Layer,
    PostNormTransformer,
    SharedTransformer,
    Transformer,
)
