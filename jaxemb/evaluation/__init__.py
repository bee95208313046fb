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
from jaxemb.evaluation.contamination import Overlap, TrainingTexts, contamination
from jaxemb.evaluation.families import MAKERS, NoTask, Set
from jaxemb.evaluation.files import (
    AllLabelled,
    EntailmentFile,
    LabelFile,
    PairFile,
    RetrievalFolder,
)
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
from jaxemb.evaluation.pydocs_packages import PyDocsGroups, PyDocsSentences, package_tasks
from jaxemb.evaluation.recall import Recall
from jaxemb.evaluation.records import LabelRecords, PairRecords
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
from jaxemb.evaluation.sts import STS
from jaxemb.evaluation.suites import Suite, folder_suite, folder_tasks, pydocs_tasks, suite, type_of
from jaxemb.evaluation.truncation import At, reaches, surface
from jaxemb.evaluation.variation import AdjacentSimilarity, SimilarityStructure

__all__ = [
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
    "EmbeddingStore",
    "EntailmentFile",
    "LabelData",
    "LabelFile",
    "LabelRecords",
    "MAKERS",
    "NeedleInsertion",
    "NoTask",
    "Overlap",
    "PairClassification",
    "PairData",
    "PairFile",
    "PairRecords",
    "Pattern",
    "ProseData",
    "PyDocsGrades",
    "PyDocsGroups",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsProse",
    "PyDocsRetrieval",
    "PyDocsSentences",
    "RandomSets",
    "Recall",
    "Result",
    "Retrieval",
    "RetrievalData",
    "RetrievalFolder",
    "STS",
    "SampledLabels",
    "SampledPairs",
    "SampledRetrieval",
    "SentenceCoefficients",
    "Set",
    "ShuffledSentences",
    "SimilarityStructure",
    "Suite",
    "Task",
    "TaskData",
    "TrainingTexts",
    "Usage",
    "WRAPPERS",
    "by_length",
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
