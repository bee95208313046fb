from .config import Part as Part
from .config import UsageError as UsageError
from .fitting import Apply as Apply
from .fitting import Fit as Fit
from .interop import FromRun as FromRun
from .interop import Pretrained as Pretrained
from .interop import load as load
from .model import Embedder as Embedder
from .model import Model as Model
from .runtime import Runtime as Runtime
from .study import (
    Above as Above,
    Agrees as Agrees,
    AgreesInStructure as AgreesInStructure,
    AgreesMore as AgreesMore,
    Arm as Arm,
    Below as Below,
    Better as Better,
    BetterIn as BetterIn,
    Claim as Claim,
    Correlates as Correlates,
    CorrelatesMore as CorrelatesMore,
    Experiment as Experiment,
    FlagTells as FlagTells,
    NoneWins as NoneWins,
    NotWorse as NotWorse,
    RanksDiffer as RanksDiffer,
    Recipe as Recipe,
    TasksAgree as TasksAgree,
    Trend as Trend,
    Tuning as Tuning,
    arm as arm,
    chain as chain,
    experiment as experiment,
    grid as grid,
    recipes as recipes,
    zip_ as zip_,
)
from .training import Train as Train

__version__: str
