"""Tasks on words and phrases: what single words' vectors know, over the same `embed` protocol."""

from jaxemb.evaluation.words.analogy import (
    Analogy,
    AnalogyRule,
    ThreeCosAdd,
    ThreeCosMul,
)
from jaxemb.evaluation.words.association import Association
from jaxemb.evaluation.words.categories import Categorisation, OutlierDetection
from jaxemb.evaluation.words.choice import Choice
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
    WordPairFile,
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
from jaxemb.evaluation.words.ranking import AnswerRank
from jaxemb.evaluation.words.similarity import FewShotSimilarity, WordSimilarity
from jaxemb.evaluation.words.spelling import LowerCase, SpacesForUnderscores, Spelling
from jaxemb.evaluation.words.tagging import (
    Tagging,
    TargetFeatures,
    TargetInSentence,
    TargetWord,
)
from jaxemb.evaluation.words.unknown import Counted, LeftOut, Unknown
