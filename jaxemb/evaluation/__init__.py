"""A model and labelled data to numbers: tasks by type, their data, statistics and verdicts."""

from jaxemb.evaluation import statistics
from jaxemb.evaluation.base import (
    EmbeddingCache,
    Result,
    Task,
    Usage,
    evaluate,
    evaluate_run,
    flatten,
)
from jaxemb.evaluation.bitext import BitextMining
from jaxemb.evaluation.classification import Classification, FewShotClassification
from jaxemb.evaluation.clustering import BootstrapClustering, Clustering, SubsetClustering
from jaxemb.evaluation.contamination import Overlap, TrainingTexts, contamination
from jaxemb.evaluation.cuts import RetrievalAtCuts
from jaxemb.evaluation.families import MAKERS, NoTask, Set
from jaxemb.evaluation.file_sets import BitextFile, LabelSetFile, RerankingFile, SummaryFile
from jaxemb.evaluation.files import (
    AllLabelled,
    EntailmentFile,
    LabelFile,
    PairFile,
    RetrievalFolder,
)
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
from jaxemb.evaluation.pydocs_packages import PyDocsGroups, PyDocsSentences, package_tasks
from jaxemb.evaluation.pydocs_sets import PyDocsCode, PyDocsDegraded, PyDocsLabelSets, PyDocsSeeAlso
from jaxemb.evaluation.records import LabelRecords, PairRecords
from jaxemb.evaluation.reranking import Reranking
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sampling import (
    WRAPPERS,
    SampledLabels,
    SampledPairs,
    SampledRetrieval,
    sampled,
)
from jaxemb.evaluation.store import (
    EmbeddingStore,
    clear_store,
    store_folder,
    store_limit,
    stored_files,
)
from jaxemb.evaluation.sts import STS, STSBySimilarity
from jaxemb.evaluation.suites import Suite, folder_suite, folder_tasks, pydocs_tasks, suite, type_of
from jaxemb.evaluation.summarization import Summarization
from jaxemb.evaluation.truncation import At, reaches, surface

__all__ = [
    "AllLabelled",
    "At",
    "BitextData",
    "BitextFile",
    "BitextMining",
    "BootstrapClustering",
    "Classification",
    "Clustering",
    "During",
    "EmbeddingCache",
    "EmbeddingStore",
    "EntailmentFile",
    "FewShotClassification",
    "LabelData",
    "LabelFile",
    "LabelRecords",
    "LabelSetData",
    "LabelSetFile",
    "MAKERS",
    "MultiLabelClassification",
    "NoTask",
    "Overlap",
    "PairClassification",
    "PairClassificationBySimilarity",
    "PairData",
    "PairFile",
    "PairRecords",
    "PyDocsCode",
    "PyDocsDegraded",
    "PyDocsGrades",
    "PyDocsGroups",
    "PyDocsLabelSets",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsRetrieval",
    "PyDocsSeeAlso",
    "PyDocsSentences",
    "Reranking",
    "RerankingData",
    "RerankingFile",
    "Result",
    "Retrieval",
    "RetrievalAtCuts",
    "RetrievalData",
    "RetrievalFolder",
    "STS",
    "STSBySimilarity",
    "SampledLabels",
    "SampledPairs",
    "SampledRetrieval",
    "Set",
    "SubsetClustering",
    "Suite",
    "Summarization",
    "SummaryData",
    "SummaryFile",
    "Task",
    "TaskData",
    "TrainingTexts",
    "Usage",
    "WRAPPERS",
    "clear_store",
    "contamination",
    "evaluate",
    "evaluate_run",
    "final",
    "flatten",
    "folder_suite",
    "folder_tasks",
    "monitor",
    "package_tasks",
    "pydocs_tasks",
    "reaches",
    "sampled",
    "statistics",
    "store_folder",
    "store_limit",
    "stored_files",
    "suite",
    "surface",
    "type_of",
]
