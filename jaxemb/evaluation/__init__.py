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
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.contamination import Overlap, TrainingTexts, contamination
from jaxemb.evaluation.families import MAKERS, NoTask, Set
from jaxemb.evaluation.files import (
    AllLabelled,
    EntailmentFile,
    LabelFile,
    PairFile,
    RetrievalFolder,
)
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
from jaxemb.evaluation.pydocs_packages import PyDocsGroups, PyDocsSentences, package_tasks
from jaxemb.evaluation.records import LabelRecords, PairRecords
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.rewording import Paraphrased, Prompted, Reworded
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
from jaxemb.evaluation.suites import (
    Suite,
    folder_suite,
    folder_tasks,
    pydocs_tasks,
    suite,
    type_of,
)
from jaxemb.evaluation.truncation import At, reaches, surface

__all__ = [
    "MAKERS",
    "STS",
    "WRAPPERS",
    "AllLabelled",
    "At",
    "AtLeast",
    "Classification",
    "Clustering",
    "CosineJudge",
    "During",
    "EmbeddingCache",
    "EmbeddingStore",
    "EntailmentFile",
    "Gate",
    "Judge",
    "LabelData",
    "LabelFile",
    "LabelRecords",
    "MeaningRetrieval",
    "NoTask",
    "Open",
    "Overlap",
    "PairClassification",
    "PairData",
    "PairFile",
    "PairRecords",
    "Paraphrased",
    "Perturbation",
    "Prompted",
    "PyDocsGrades",
    "PyDocsGroups",
    "PyDocsLabels",
    "PyDocsLinks",
    "PyDocsRetrieval",
    "PyDocsSentences",
    "Result",
    "Retrieval",
    "RetrievalData",
    "RetrievalFolder",
    "Reworded",
    "SampledLabels",
    "SampledPairs",
    "SampledRetrieval",
    "Set",
    "Suite",
    "Task",
    "TaskData",
    "TrainingTexts",
    "Usage",
    "WordOverlap",
    "best_judge",
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
    "validate_judge",
    "validate_paraphraser",
]
