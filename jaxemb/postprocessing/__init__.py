"""Changes of finished vectors: `[texts, dim] -> [texts, dim']`, kept with the model."""

from jaxemb.postprocessing.linear import Slice
from jaxemb.postprocessing.whitening import Whitening

__all__ = ["Slice", "Whitening"]
