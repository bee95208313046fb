"""What an experiment says of its arms, and how that is judged over seeds and examples."""

from jaxemb.claims.agreement import Agrees, AgreesInStructure, AgreesMore, BetterIn
from jaxemb.claims.base import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Judgement,
    Table,
    judge_all,
    overall,
)
from jaxemb.claims.correlation import Correlates, CorrelatesMore
from jaxemb.claims.orders import NoneWins, RanksDiffer
from jaxemb.claims.scores import Above, Below, Better, NotWorse, Trend
from jaxemb.claims.tasks import EVERY_TASK, FlagTells, TasksAgree

__all__ = [
    "Above",
    "Agrees",
    "AgreesInStructure",
    "AgreesMore",
    "Below",
    "Better",
    "BetterIn",
    "CONTRADICTED",
    "Claim",
    "Correlates",
    "CorrelatesMore",
    "EVERY_TASK",
    "FlagTells",
    "Judgement",
    "NOT_TESTABLE",
    "NoneWins",
    "NotWorse",
    "RanksDiffer",
    "SUPPORTED",
    "Table",
    "TasksAgree",
    "Trend",
    "UNDECIDED",
    "judge_all",
    "overall",
]
