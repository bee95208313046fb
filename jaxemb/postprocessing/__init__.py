"""Changes of finished vectors: `[texts, dim] -> [texts, dim']`, kept with the model."""

from jaxemb.postprocessing.linear import Slice

__all__ = ["Slice"]
