"""Data: sources of records, views that make examples of them, and datasets that batch those."""

from jaxemb.data.at_hand import at_hand
from jaxemb.data.base import SPLITS, Batches, Dataset, ExampleData, Extending, Source, View
from jaxemb.data.classes import ClassPairs
from jaxemb.data.cloze import BodyFirst, InverseCloze, LinkedPassage, NextPassage, SentenceToPassage
from jaxemb.data.columns import ColumnFiles
from jaxemb.data.compositions import Bisection, Division, Overlapping, PartsOfText, Subsuming, Twins
from jaxemb.data.cuts import FirstWords, OfValue, first_words
from jaxemb.data.descriptions import BroaderMeanings, OwnerDescriptions
from jaxemb.data.duplicates import normalise
from jaxemb.data.entailment import EntailmentTriplets, GradedLabels, LabelledPairs, PyDocsEntailment
from jaxemb.data.examples import document, lexical_overlap, numbered
from jaxemb.data.files import TextFile
from jaxemb.data.filling import LabelGroups, LengthBucketed
from jaxemb.data.given_texts import GivenTexts
from jaxemb.data.graphs import TextGraph
from jaxemb.data.judgements import Judgements
from jaxemb.data.links import (
    CitationTriplets,
    Linked,
    LinkedTogether,
    RelatedTexts,
    Relation,
    cited,
    neighbours,
)
from jaxemb.data.masking import Masked
from jaxemb.data.mixtures import (
    Ciphered,
    ForTask,
    Joined,
    Several,
    Translated,
    Translation,
    WordCipher,
)
from jaxemb.data.negation import DeniedEntailment, negated
from jaxemb.data.noise import Deleted
from jaxemb.data.orders import (
    EpochOrder,
    Order,
    Shuffled,
    WithoutDuplicates,
)
from jaxemb.data.pairs import Pairs, StratifiedPairs, Texts
from jaxemb.data.pipeline import BatchIterator, BatchStats
from jaxemb.data.positions import Positions
from jaxemb.data.prepared import TFDS
from jaxemb.data.pydocs import PyDocs, cache_folder
from jaxemb.data.questions import Questions, question
from jaxemb.data.selection import Resplit, Share, Within
from jaxemb.data.shares import dealt, whole_shape
from jaxemb.data.span_corruption import (
    LastPieces,
    MaskPieces,
    NumberedPieces,
    Sentinels,
    SpanCompleted,
    SpanCorrupted,
)
from jaxemb.data.spans import NearbySpans
from jaxemb.data.strata import Alternating, PowerLaw, SideBySide, Stratified, Turns, Where
from jaxemb.data.tables import read_rows, read_text
from jaxemb.data.tasks import SeveralTasks
from jaxemb.data.views import (
    Columns,
    Following,
    Labels,
    Neighbour,
    SeeAlso,
    SummaryToBody,
    SummaryToCode,
)
from jaxemb.data.windows import Windows
from jaxemb.data.wrappers import HardNegatives, NameRemoved, NoisyPairs, ShuffledPositives
