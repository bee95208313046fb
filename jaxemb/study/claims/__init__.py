"""What an experiment says of its arms, and how that is judged over seeds and examples."""

from jaxemb.study.claims.agreement import Agrees, AgreesInStructure, AgreesMore, BetterIn
from jaxemb.study.claims.base import (
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
from jaxemb.study.claims.correlation import Correlates, CorrelatesMore
from jaxemb.study.claims.orders import NoneWins, RanksDiffer
from jaxemb.study.claims.scores import Above, Below, Better, NotWorse, Trend
from jaxemb.study.claims.tasks import EVERY_TASK, FlagTells, TasksAgree
