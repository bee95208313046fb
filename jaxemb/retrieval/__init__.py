"""Queries and a corpus to document numbers and scores: exact search and word matching."""

from jaxemb.retrieval.approximate import Faiss, FaissIndex
from jaxemb.retrieval.exact import cosine_top_k, top_k
from jaxemb.retrieval.late_interaction import maxsim_scores, maxsim_top_k
from jaxemb.retrieval.lexical import BM25, LexicalIndex
from jaxemb.retrieval.scored import all_scores, scored_top_k
from jaxemb.retrieval.sparse import sparse_top_k
