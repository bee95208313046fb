"""A model and labelled data to numbers: tasks by type, their data, statistics and verdicts."""

from jaxemb.evaluation.base import Task, evaluate, evaluate_run, flatten
from jaxemb.evaluation.bitext import BitextMining
from jaxemb.evaluation.capacity import AllSubsets, Capacity
from jaxemb.evaluation.chunk_sets import Neighbouring, PyDocsMethods
from jaxemb.evaluation.chunking import (
    Alone,
    BestChunkRetrieval,
    ChunkData,
    Chunking,
    ChunkRetrieval,
    Headed,
    InContext,
    Overlapping,
    Undivided,
)
from jaxemb.evaluation.classification import Classification, FewShotClassification
from jaxemb.evaluation.classifiers import Classifier, Logistic, Perceptron
from jaxemb.evaluation.clustering import BootstrapClustering, Clustering, SubsetClustering
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
    BitextFile,
    EntailmentFile,
    LabelFile,
    LabelSetFile,
    PairFile,
    RerankingFile,
    SummaryFile,
)
from jaxemb.evaluation.folders import RetrievalFolder
from jaxemb.evaluation.geometry import Geometry, Reduced, sweep
from jaxemb.evaluation.grammar.meanings import MeaningRetrieval, Restyled
from jaxemb.evaluation.grammar.structures import (
    ObjectNumber,
    SubjectNumber,
    Tense,
    TopConstituents,
    TreeDepth,
)
from jaxemb.evaluation.hidden_tokens import HiddenTokens
from jaxemb.evaluation.judges import CosineJudge, Judge
from jaxemb.evaluation.lengths import DocumentWords
from jaxemb.evaluation.mteb_adapter import MTEBEncoder
from jaxemb.evaluation.multi_label import MultiLabelClassification
from jaxemb.evaluation.paraphrase.lexicon import CommonSynonyms, Lexicon, SynonymFile
from jaxemb.evaluation.paraphrase.paraphrasers import (
    ClauseOrder,
    InTurn,
    Paraphraser,
    SynonymSubstitution,
    Unchanged,
    edit_distance,
)
from jaxemb.evaluation.perturbation import Perturbation
from jaxemb.evaluation.position import (
    BlockRemoval,
    Edits,
    NeedleInsertion,
    SentenceCoefficients,
    by_length,
)
from jaxemb.evaluation.probes.sentences import (
    GeneratedLabels,
    PlainProse,
    SentenceLabels,
    Sentences,
)
from jaxemb.evaluation.probes.surface import (
    BigramShift,
    CoordinationInversion,
    OddManOut,
    SentenceLength,
    WordContent,
)
from jaxemb.evaluation.probes.tasks import GradedProbe, PairProbe, probing_tasks
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
from jaxemb.evaluation.prose import ProseData, PyDocsProse, ShuffledSentences
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.pydocs_packages import (
    PyDocsGroups,
    PyDocsOpenings,
    package_tasks,
)
from jaxemb.evaluation.pydocs_sets import (
    PyDocsCode,
    PyDocsDegraded,
    PyDocsLabelSets,
    PyDocsSeeAlso,
    PyDocsTranslation,
)
from jaxemb.evaluation.rank import (
    AsTheyAre,
    Background,
    ByCosine,
    ByDistance,
    Centred,
    NearestPairs,
    Nearness,
    PairTexts,
    PartnerRank,
    Preparation,
    TextColumn,
)
from jaxemb.evaluation.records import (
    EntailmentRecords,
    LabelRecords,
    PairRecords,
    RetrievalRecords,
    SecondAlone,
    TripletRecords,
)
from jaxemb.evaluation.related import RelatedCandidates
from jaxemb.evaluation.reranking import Reranking
from jaxemb.evaluation.retrieval import Recall, Retrieval, RetrievalAtCuts
from jaxemb.evaluation.rewording import Paraphrased, Prompted, Reworded
from jaxemb.evaluation.sampling import Sampled, sampled
from jaxemb.evaluation.sts import (
    STS,
    AngularSTS,
    PairClassification,
    PairClassificationBySimilarity,
    STSBySimilarity,
)
from jaxemb.evaluation.suites import Suite, folder_suite, pydocs_tasks, suite
from jaxemb.evaluation.summarization import Summarization
from jaxemb.evaluation.variation import AdjacentSimilarity, SimilarityStructure
from jaxemb.evaluation.words.analogy import Analogy, AnalogyRule, ThreeCosAdd, ThreeCosMul
from jaxemb.evaluation.words.association import Association
from jaxemb.evaluation.words.categories import Categorisation, OutlierDetection
from jaxemb.evaluation.words.conventions import (
    Counted,
    LeftOut,
    LowerCase,
    SpacesForUnderscores,
    Spelling,
    Unknown,
)
from jaxemb.evaluation.words.files import (
    AnalogyCategories,
    AnalogyFile,
    AssociationFile,
    BlankedDefinitions,
    ContextFiles,
    MinimalPairs,
    OutlierFile,
    Paraphrases,
    TaggedFile,
    TripletFile,
    VariantFile,
    association_tests,
)
from jaxemb.evaluation.words.problems import (
    AnalogyData,
    AnalogyProblem,
    AssociationData,
    AssociationProblem,
    ContextData,
    ContextProblem,
    OutlierData,
    OutlierProblem,
    OutliersFromLabels,
    TaggingData,
    TaggingProblem,
    TripletData,
    TripletProblem,
)
from jaxemb.evaluation.words.ranking import AnswerRank, Choice
from jaxemb.evaluation.words.similarity import FewShotSimilarity, WordSimilarity
from jaxemb.evaluation.words.tagging import Tagging, TargetFeatures, TargetInSentence, TargetWord
from jaxemb.evaluation.wrapped import At, During, Presented, final, monitor, reaches, surface
from jaxemb.statistics.result import Result
from jaxemb.vectors.cache import EmbeddingCache, Usage
