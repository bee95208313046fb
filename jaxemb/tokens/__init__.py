"""Token ids to vectors."""

from jaxemb.tokens.bases import (
    Basis,
    BasisEmbedding,
    BasisFeatures,
    Chebyshev,
    Fourier,
    Hermite,
    Laguerre,
    Legendre,
    PermutedIds,
    RandomFeatures,
)
from jaxemb.tokens.codes import ComposedTable
from jaxemb.tokens.embedding import FactorizedTable, TokenEmbedding, TokenTable
from jaxemb.tokens.ngrams import HashedNgrams
