"""An estimator for one of several towers."""

import dataclasses
from collections.abc import Iterable

from jaxtyping import Array, Key

from jaxemb.fitting.estimator import Estimator
from jaxemb.model import Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class InTower(Estimator):
    """Fits a part of one tower as if it were the whole model.

    What the others share with it is fitted for them as well. Texts are read as the model reads them:
    all towers have one tokenizer.

    Args:
        inner: any estimator.
        tower: the name of the tower.

    Example:
        >>> InTower(inner=PPMISVD(), tower="query")
    """

    inner: Estimator
    tower: str

    @property
    def reads(self) -> tuple[str, ...]:
        """All of the network."""
        return ("",)

    @property
    def stochastic(self) -> bool:
        """As the inner estimator."""
        return self.inner.stochastic

    def fit(self, model: Model, texts: Iterable[str], key: Key[Array, ""]) -> Model:
        """Returns a new model; `model` is left as it is."""
        towers = model.embedder
        alone = dataclasses.replace(
            model,
            embedder=towers.by_name[self.tower],
            params=towers.params_of(model.params, self.tower),
        )
        fitted = self.inner.fit(alone, texts, key)
        own = {part: fitted.params[part] for part in model.params[self.tower]}
        return dataclasses.replace(
            fitted, embedder=towers, params={**model.params, self.tower: own}
        )
