"""Whole networks: token vectors and a mask to the hidden states of every depth."""

from jaxemb.encoders.bag import Bag
from jaxemb.encoders.base import Encoder
from jaxemb.encoders.convolutional import Convolutional, ConvolutionWindows
from jaxemb.encoders.dropped import WordDropout
from jaxemb.encoders.encoder_decoder import EncoderDecoder
from jaxemb.encoders.loops import LayerLoop, Scanned, Unrolled
from jaxemb.encoders.recurrent import IterativeRefinement, Recurrent, RecurrentConvolutional
from jaxemb.encoders.recursive import RecursiveConvolutional
from jaxemb.encoders.transformer import (
    Layer,
    PostNormTransformer,
    SharedTransformer,
    Transformer,
)
