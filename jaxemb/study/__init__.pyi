from . import recipes as recipes
from .claims.agreement import Agrees as Agrees
from .claims.agreement import AgreesInStructure as AgreesInStructure
from .claims.agreement import AgreesMore as AgreesMore
from .claims.agreement import BetterIn as BetterIn
from .claims.base import Claim as Claim
from .claims.correlation import Correlates as Correlates
from .claims.correlation import CorrelatesMore as CorrelatesMore
from .claims.orders import NoneWins as NoneWins
from .claims.orders import RanksDiffer as RanksDiffer
from .claims.scores import Above as Above
from .claims.scores import Below as Below
from .claims.scores import Better as Better
from .claims.scores import NotWorse as NotWorse
from .claims.scores import Trend as Trend
from .claims.tasks import FlagTells as FlagTells
from .claims.tasks import TasksAgree as TasksAgree
from .choosing import ChooseTemplate as ChooseTemplate
from .loggers import Logger as Logger
from .loggers import TensorBoard as TensorBoard
from .loggers import WeightsAndBiases as WeightsAndBiases
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
from .registry import load_file as load_file
from .specification import Experiment as Experiment
from .sweep import Arm as Arm
from .sweep import arm as arm
from .sweep import chain as chain
from .sweep import grid as grid
from .sweep import zip_ as zip_
