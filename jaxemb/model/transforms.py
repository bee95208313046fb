"""Changes of finished vectors."""

import numpy as np

from jaxemb.config import Part


class Transform(Part):
    """Slot: a change of finished vectors, `[texts, dim] -> [texts, dim']`, kept with the model."""

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must define __call__(vectors)")
