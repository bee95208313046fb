from . import recipes as recipes
from .claims import (
    Above as Above,
    Agrees as Agrees,
    AgreesInStructure as AgreesInStructure,
    AgreesMore as AgreesMore,
    Below as Below,
    Better as Better,
    BetterIn as BetterIn,
    Claim as Claim,
    Correlates as Correlates,
    CorrelatesMore as CorrelatesMore,
    FlagTells as FlagTells,
    NoneWins as NoneWins,
    NotWorse as NotWorse,
    RanksDiffer as RanksDiffer,
    TasksAgree as TasksAgree,
    Trend as Trend,
)
from .controls import (
    BM25 as BM25,
    Control as Control,
    RandomVectors as RandomVectors,
    ShuffledPairs as ShuffledPairs,
    StaticBag as StaticBag,
    Untrained as Untrained,
)
from .recipe import Recipe as Recipe
from .recipe import Tuning as Tuning
from .registry import experiment as experiment
from .specification import Experiment as Experiment
from .sweep import Arm as Arm
from .sweep import arm as arm
from .sweep import chain as chain
from .sweep import grid as grid
from .sweep import zip_ as zip_
