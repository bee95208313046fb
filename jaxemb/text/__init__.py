"""How text becomes token ids: tokenizers, role templates and padded batches."""

from jaxemb.text.base import CLS, MASK, PAD, SEP, SPECIALS, UNK, Text, Tokenizer
from jaxemb.text.batch import TextBatch, bucket, pad
from jaxemb.text.distance import edit_distance
from jaxemb.text.given import GivenPieces
from jaxemb.text.grammar import Restyled
from jaxemb.text.grouping import Group, group_by_length
from jaxemb.text.lexicon import CommonSynonyms, Lexicon, SynonymFile
from jaxemb.text.paraphrase import (
    ClauseOrder,
    InTurn,
    Paraphraser,
    RoundTrip,
    SynonymSubstitution,
    Unchanged,
)
from jaxemb.text.templates import Prefix, TaskTemplate, Template
from jaxemb.text.wordpiece import WordPiece

__all__ = [
    "CLS",
    "ClauseOrder",
    "CommonSynonyms",
    "GivenPieces",
    "Group",
    "InTurn",
    "Lexicon",
    "MASK",
    "PAD",
    "Paraphraser",
    "Prefix",
    "Restyled",
    "RoundTrip",
    "SEP",
    "SPECIALS",
    "SynonymFile",
    "SynonymSubstitution",
    "TaskTemplate",
    "Template",
    "Text",
    "TextBatch",
    "Tokenizer",
    "UNK",
    "Unchanged",
    "WordPiece",
    "bucket",
    "edit_distance",
    "group_by_length",
    "pad",
]
