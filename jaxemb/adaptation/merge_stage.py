"""A stage that merges the model with earlier ones of its recipe, or with models of other runs."""

import abc
import dataclasses

from jaxemb.adaptation.merging import MeanWeights, Merge, merged_params
from jaxemb.config import Part, UsageError
from jaxemb.model import Model, Start
from jaxemb.training import START, Context, Stage


class OtherModel(Part, abc.ABC):
    """Slot: a model that a stage merges with."""

    @property
    def recalls(self) -> tuple[str, ...]:
        """The stages of the recipe whose models it needs."""
        return ()

    @abc.abstractmethod
    def model(self, context: Context) -> Model:
        """The model, when the stage is run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class After(OtherModel):
    """The model as the stage of this name left it, earlier in the recipe.

    Of several stages of one name, the last before the merge.

    Raises:
        UsageError: before the recipe runs, if no stage of this name stands before the merge.

    Example:
        >>> After(stage="contrast")
    """

    stage: str

    @property
    def recalls(self) -> tuple[str, ...]:
        return (self.stage,)

    def model(self, context: Context) -> Model:
        if self.stage not in context.earlier:
            raise UsageError(f"There is no model of an earlier stage {self.stage!r} to merge with.")
        return context.earlier[self.stage]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AtStart(OtherModel):
    """The model that the recipe starts from, before its first stage."""

    @property
    def recalls(self) -> tuple[str, ...]:
        return (START,)

    def model(self, context: Context) -> Model:
        return After(stage=START).model(context)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Elsewhere(OtherModel):
    """A model from outside the recipe, such as that of a run on disk.

    Example:
        >>> Elsewhere(start=FromRun("runs/a"))  # doctest: +SKIP
    """

    start: Start

    def model(self, context: Context) -> Model:
        return self.start.start(context.key)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeWith(Stage):
    r"""A stage that merges the present model with others of its network, by their parameters.

    $$\theta = \mathrm{how}(\theta_1, \dots, \theta_k, \theta)$$

    $\theta_1, \dots, \theta_k$ are those of `of` in their order, and the present model comes last: with
    `AtStart()` and the weights `(0.3, 0.7)` it goes seven tenths of the way that it was trained. Only
    parameters are merged; tokenizer, settings and transforms are the present model's.

    Args:
        of: the other models, one or more.
        how: how they are merged.
        name: of the stage.

    Raises:
        UsageError: there are no others; they are not of one network, or read texts by different
            tokenizers; a stage that is named does not stand before this one.

    Example:
        >>> MergeWith(of=(AtStart(), After(stage="contrast")), how=MeanWeights(weights=(1.0, 1.0, 2.0)))

    Reference: Wortsman et al., Robust Fine-tuning of Zero-shot Models, arXiv:2109.01903; Wortsman et
    al., Model soups, arXiv:2203.05482.
    """

    of: tuple[OtherModel, ...]
    how: Merge = MeanWeights()
    name: str = "merge"

    def __post_init__(self) -> None:
        if not self.of:
            raise UsageError("MergeWith needs at least one other model, as in of=(at_start,).")

    @property
    def holds_training(self) -> bool:
        """Always: those that it merges with may be trained."""
        return True

    @property
    def recalls(self) -> tuple[str, ...]:
        """What the other models need."""
        return tuple(dict.fromkeys(name for one in self.of for name in one.recalls))

    def run(self, model: Model, context: Context) -> Model:
        """The present model with the merged parameters."""
        models = [*(one.model(context) for one in self.of), model]
        params = merged_params(models, self.how, context.key)
        return dataclasses.replace(model, params=params)
