"""Stages that take no gradient step: fit something to texts, add a transform."""

import dataclasses

from jaxemb.data import Dataset
from jaxemb.fitting.estimator import Estimator
from jaxemb.model import Model, Transform
from jaxemb.training import Context, Stage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit(Stage):
    """A stage that fits part of the model in closed form: a vocabulary, a token table.

    Example:
        >>> Fit(estimator=PPMISVD(), data=Texts(source=PyDocs()))
    """

    estimator: Estimator
    data: Dataset
    name: str = "fit"

    @property
    def reads(self) -> tuple[str, ...]:
        """What the estimator reads."""
        return self.estimator.reads

    @property
    def draws(self) -> bool:
        """Whether the estimator draws at random."""
        return self.estimator.stochastic

    def run(self, model: Model, context: Context) -> Model:
        """`Model -> Model`; the texts are those of the training split."""
        return self.estimator.fit(model, self.data.texts(), context.key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Apply(Stage):
    """A stage that adds a transform of the finished vectors.

    Example:
        >>> Apply(transform=Slice(dim=64))
    """

    transform: Transform
    name: str = "apply"

    def run(self, model: Model, context: Context) -> Model:
        """`Model -> Model`; nothing is fitted."""
        return dataclasses.replace(model, transforms=(*model.transforms, self.transform))
