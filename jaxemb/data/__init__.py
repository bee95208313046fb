"""Data: sources of records, views that make examples of them, and datasets that batch those."""

from jaxemb.data.at_hand import at_hand
from jaxemb.data.base import SPLITS, Batches, Dataset, Source, View
from jaxemb.data.cuts import FirstWords, OfValue, first_words
from jaxemb.data.duplicates import normalise
from jaxemb.data.entailment import EntailmentTriplets, LabelledPairs, PyDocsEntailment
from jaxemb.data.files import TextFile
from jaxemb.data.given import GivenTexts
from jaxemb.data.judgements import Judgements
from jaxemb.data.mixtures import (
    Ciphered,
    ForTask,
    Joined,
    Several,
    Translated,
    Translation,
    WordCipher,
)
from jaxemb.data.pairs import Pairs, StratifiedPairs, Texts
from jaxemb.data.pipeline import BatchIterator, BatchStats
from jaxemb.data.positions import Positions
from jaxemb.data.prepared import TFDS
from jaxemb.data.pydocs import PyDocs, cache_folder
from jaxemb.data.selection import Resplit, Within
from jaxemb.data.tables import read_rows, read_text
from jaxemb.data.views import (
    Columns,
    Labels,
    Neighbour,
    SeeAlso,
    SummaryToBody,
    SummaryToCode,
    document,
    lexical_overlap,
    numbered,
)
from jaxemb.data.windows import Windows
from jaxemb.data.wrappers import HardNegatives, NameRemoved, ShuffledPositives
