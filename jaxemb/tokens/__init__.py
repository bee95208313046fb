"""Token ids to vectors."""

from jaxemb.tokens.embedding import TokenEmbedding, TokenTable
