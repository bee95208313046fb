"""Closed-form fits: a model and texts in, a model out, no gradient."""

import abc
import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Array, Key

from jaxemb.config import Part
from jaxemb.fitting.sampling import at_most

if TYPE_CHECKING:
    import jaxemb.model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimator(Part, abc.ABC):
    """Slot: fits something of a model to texts in one go.

    Class attributes say what the result depends on, so that runs which agree in it share it:
    `reads` are the dotted paths of the embedder's parts and fields, `stochastic` tells whether the
    key matters.
    """

    reads: ClassVar[tuple[str, ...]] = ("text",)
    stochastic: ClassVar[bool] = False

    @abc.abstractmethod
    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        """Returns a new model; `model` is left as it is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary(Estimator):
    """Trains the tokenizer that the embedder's `text` describes.

    Of more than 262,144 texts, evenly spaced ones are read, 131,073 to 262,144 of them.

    Example:
        >>> model = Vocabulary().fit(model, texts, key)
    """

    def fit(
        self, model: "jaxemb.model.Model", texts: Iterable[str], key: Key[Array, ""]
    ) -> "jaxemb.model.Model":
        return dataclasses.replace(model, tokenizer=model.embedder.text.train(at_most(texts)))
