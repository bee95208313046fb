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
from jaxemb.evaluation.capacity import AllSubsets, Capacity
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.combinations import (
    AttributeSearch,
    CycleSets,
    DenseSets,
    DisjointSets,
    Pattern,
    RandomSets,
)
from jaxemb.evaluation.files import AllLabelled, LabelFile, PairFile, RetrievalFolder
from jaxemb.evaluation.monitoring import During, final, monitor
from jaxemb.evaluation.pair_classification import PairClassification
from jaxemb.evaluation.position import (
    BlockRemoval,
    Edits,
    NeedleInsertion,
    SentenceCoefficients,
    by_length,
)
from jaxemb.evaluation.problems import LabelData, PairData, RetrievalData, TaskData
from jaxemb.evaluation.prose import ProseData, PyDocsProse, ShuffledSentences
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.recall import Recall
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sts import STS
from jaxemb.evaluation.suites import folder_tasks, pydocs_tasks
from jaxemb.evaluation.truncation import At, reaches, surface
from jaxemb.evaluation.variation import AdjacentSimilarity, SimilarityStructure

__all__ = [
    "STS",
    "AdjacentSimilarity",
    "AllLabelled",
    "AllSubsets",
    "At",
    "AttributeSearch",
    "BlockRemoval",
    "Capacity",
    "Classification",
    "Clustering",
    "CycleSets",
    "DenseSets",
    "DisjointSets",
    "During",
    "Edits",
    "EmbeddingCache",
    "LabelData",
    "LabelFile",
    "NeedleInsertion",
    "PairClassification",
    "PairData",
    "PairFile",
    "Pattern",
    "ProseData",
    "PyDocsGrades",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsProse",
    "PyDocsRetrieval",
    "RandomSets",
    "Recall",
    "Result",
    "Retrieval",
    "RetrievalData",
    "RetrievalFolder",
    "SentenceCoefficients",
    "ShuffledSentences",
    "SimilarityStructure",
    "Task",
    "TaskData",
    "by_length",
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
]
