"""Token ids to vectors, and tables of token vectors fitted without gradients."""

from jaxemb.tokens.counts import PPMISVD
from jaxemb.tokens.embedding import TokenEmbedding, TokenTable
from jaxemb.tokens.estimator import Estimator, Vocabulary
from jaxemb.tokens.extension import MoreWords

__all__ = ["PPMISVD", "Estimator", "MoreWords", "TokenEmbedding", "TokenTable", "Vocabulary"]
