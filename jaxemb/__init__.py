"""jaxemb: a research framework for text embeddings in JAX.

Names are imported when they are first used, so that `import jaxemb` and the command line start
without JAX.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxemb import recipes
    from jaxemb.claims import (
        Above,
        Agrees,
        AgreesInStructure,
        AgreesMore,
        Below,
        Better,
        BetterIn,
        Claim,
        Correlates,
        CorrelatesMore,
        FlagTells,
        NoneWins,
        NotWorse,
        RanksDiffer,
        TasksAgree,
        Trend,
    )
    from jaxemb.config import Part, UsageError
    from jaxemb.experiment import Apply, Experiment, Fit, Recipe, Train, Tuning
    from jaxemb.interop import Pretrained
    from jaxemb.model import Embedder, Model, load
    from jaxemb.parallel import Runtime
    from jaxemb.registry import experiment
    from jaxemb.sweep import Arm, arm, chain, grid, zip_

__version__ = "0.1.0"

_HOMES = {
    "claims": (
        "Above", "Agrees", "AgreesInStructure", "AgreesMore", "Below", "Better", "BetterIn",
        "Claim", "Correlates", "CorrelatesMore", "FlagTells", "NoneWins", "NotWorse",
        "RanksDiffer", "TasksAgree", "Trend",
    ),
    "config": ("Part", "UsageError"),
    "experiment": ("Apply", "Experiment", "Fit", "Recipe", "Train", "Tuning"),
    "interop": ("Pretrained",),
    "model": ("Embedder", "Model", "load"),
    "parallel": ("Runtime",),
    "sweep": ("Arm", "arm", "chain", "grid", "zip_"),
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Above", "Agrees", "AgreesInStructure", "AgreesMore", "Apply", "Arm", "Below", "Better",
    "BetterIn", "Claim", "Correlates", "CorrelatesMore", "Embedder", "Experiment", "Fit",
    "FlagTells", "Model", "NoneWins", "NotWorse", "Part", "Pretrained", "RanksDiffer", "Recipe",
    "Runtime", "TasksAgree", "Train", "Trend", "Tuning", "UsageError", "arm", "chain",
    "experiment", "grid", "load", "recipes", "zip_",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "recipes":
        return importlib.import_module("jaxemb.recipes")
    if name not in _HOME:
        raise AttributeError(f"module 'jaxemb' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"jaxemb.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(types.ModuleType):
    """Keeps `jaxemb.experiment` the decorator.

    The import system puts a submodule into its package under the submodule's name, which here is
    the decorator's too. `from jaxemb.experiment import Recipe` does not look at the attribute.
    """

    @property
    def experiment(self) -> Any:
        return importlib.import_module("jaxemb.registry").experiment

    @experiment.setter
    def experiment(self, submodule: types.ModuleType) -> None:
        pass


sys.modules[__name__].__class__ = _Package
