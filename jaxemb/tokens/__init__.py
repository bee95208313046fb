"""Token ids to vectors."""

from jaxemb.tokens.embedding import FactorizedTable, TokenEmbedding, TokenTable
