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
from jaxemb.evaluation.bitext import BitextMining
from jaxemb.evaluation.classification import Classification, FewShotClassification
from jaxemb.evaluation.clustering import BootstrapClustering, Clustering, SubsetClustering
from jaxemb.evaluation.cuts import RetrievalAtCuts
from jaxemb.evaluation.file_sets import BitextFile, LabelSetFile, RerankingFile, SummaryFile
from jaxemb.evaluation.files import AllLabelled, LabelFile, PairFile, RetrievalFolder
from jaxemb.evaluation.monitoring import During, final, monitor
from jaxemb.evaluation.multi_label import MultiLabelClassification
from jaxemb.evaluation.pair_classification import PairClassification, PairClassificationBySimilarity
from jaxemb.evaluation.problems import (
    BitextData,
    LabelData,
    LabelSetData,
    PairData,
    RerankingData,
    RetrievalData,
    SummaryData,
    TaskData,
)
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.pydocs_sets import (
    PyDocsCode,
    PyDocsDegraded,
    PyDocsLabelSets,
    PyDocsSeeAlso,
)
from jaxemb.evaluation.reranking import Reranking
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sts import STS, STSBySimilarity
from jaxemb.evaluation.suites import folder_tasks, pydocs_tasks
from jaxemb.evaluation.summarization import Summarization
from jaxemb.evaluation.truncation import At, reaches, surface

__all__ = [
    "STS",
    "AllLabelled",
    "At",
    "Classification",
    "Clustering",
    "During",
    "EmbeddingCache",
    "LabelData",
    "LabelFile",
    "PairClassification",
    "PairData",
    "PairFile",
    "PyDocsGrades",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsRetrieval",
    "Result",
    "Retrieval",
    "RetrievalData",
    "RetrievalFolder",
    "Task",
    "TaskData",
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
    "BitextMining",
    "FewShotClassification",
    "BootstrapClustering",
    "SubsetClustering",
    "RetrievalAtCuts",
    "BitextFile",
    "LabelSetFile",
    "RerankingFile",
    "SummaryFile",
    "MultiLabelClassification",
    "PairClassificationBySimilarity",
    "BitextData",
    "LabelSetData",
    "RerankingData",
    "SummaryData",
    "PyDocsCode",
    "PyDocsDegraded",
    "PyDocsLabelSets",
    "PyDocsSeeAlso",
    "Reranking",
    "STSBySimilarity",
    "Summarization",
]
