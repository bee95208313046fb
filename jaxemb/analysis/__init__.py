from jaxemb.analysis.paragraph_vectors import DistributedBag, DistributedMemory
from jaxemb.analysis.vectorizers import TFIDF, Concatenation, UnitLength, Vectorizer

__all__ = [
    "TFIDF",
    "Concatenation",
    "DistributedBag",
    "DistributedMemory",
    "UnitLength",
    "Vectorizer",
]
