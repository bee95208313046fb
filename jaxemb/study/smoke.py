"""The smoke scale: any experiment made toy-sized, so that every one of them is run."""

import dataclasses

from jaxemb.config import UsageError, override, paths, resolve, small
from jaxemb.study.arms import Arm
from jaxemb.study.recipe import Recipe
from jaxemb.study.specification import Experiment


def smoke(experiment: Experiment) -> Experiment:
    """Two steps of every arm at toy sizes on a sliver of pydocs, one seed, no tuning, no verdict.

    An experiment never says how it is made small: each part does (`Part.small`).
    """
    return dataclasses.replace(
        experiment,
        base=experiment.base.small(),
        arms=tuple(_small(experiment.base, arm) for arm in experiment.arms),
        seeds=experiment.seeds[:1],
        tuning=None,
    )


def _small(base: Recipe, arm: Arm) -> Arm:
    """The arm with the values that stand at its keys once its whole recipe is small.

    A number alone, such as `layers=6`, does not say whether it is a size.
    """
    whole, places = base, []
    try:
        for key, value in arm.overrides:
            places.append(resolve(whole, key))
            whole = override(whole, key, value)
    except UsageError as error:
        raise UsageError(f"Arm {arm.name}: {error}") from None
    found = paths(whole.small())
    values = (
        (key, found.get(place, small(value)))
        for (key, value), place in zip(arm.overrides, places, strict=True)
    )
    return Arm(arm.name, tuple(values))
