"""Texts rewritten by rule, for evaluations under other wording."""

from jaxemb.evaluation.paraphrase.distance import edit_distance
from jaxemb.evaluation.paraphrase.grammar import Restyled
from jaxemb.evaluation.paraphrase.lexicon import CommonSynonyms, Lexicon, SynonymFile
from jaxemb.evaluation.paraphrase.paraphrasers import (
    ClauseOrder,
    InTurn,
    Paraphraser,
    SynonymSubstitution,
    Unchanged,
)
