"""A model and labelled data to numbers: tasks by type, their data, statistics and verdicts."""

from jaxemb.evaluation import statistics
from jaxemb.evaluation.base import (
    EmbeddingCache,
    Result,
    Task,
    evaluate,
    evaluate_run,
    flatten,
)
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.files import AllLabelled, LabelFile, PairFile, RetrievalFolder
from jaxemb.evaluation.gates import AtLeast, Gate, Open
from jaxemb.evaluation.judges import (
    CosineJudge,
    Judge,
    WordOverlap,
    best_judge,
    validate_judge,
    validate_paraphraser,
)
from jaxemb.evaluation.meanings import MeaningRetrieval
from jaxemb.evaluation.monitoring import During, final, monitor
from jaxemb.evaluation.pair_classification import PairClassification
from jaxemb.evaluation.perturbation import Perturbation
from jaxemb.evaluation.problems import LabelData, PairData, RetrievalData, TaskData
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.rewording import Paraphrased, Prompted, Reworded
from jaxemb.evaluation.sts import STS
from jaxemb.evaluation.suites import folder_tasks, pydocs_tasks
from jaxemb.evaluation.truncation import At, reaches, surface

__all__ = [
    "STS",
    "AllLabelled",
    "At",
    "AtLeast",
    "Classification",
    "Clustering",
    "CosineJudge",
    "During",
    "EmbeddingCache",
    "Gate",
    "Judge",
    "LabelData",
    "LabelFile",
    "MeaningRetrieval",
    "Open",
    "PairClassification",
    "PairData",
    "PairFile",
    "Paraphrased",
    "Perturbation",
    "Prompted",
    "PyDocsGrades",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsRetrieval",
    "Result",
    "Retrieval",
    "RetrievalData",
    "RetrievalFolder",
    "Reworded",
    "Task",
    "TaskData",
    "WordOverlap",
    "best_judge",
    "evaluate",
    "evaluate_run",
    "final",
    "flatten",
    "folder_tasks",
    "monitor",
    "pydocs_tasks",
    "reaches",
    "statistics",
    "surface",
    "validate_judge",
    "validate_paraphraser",
]
