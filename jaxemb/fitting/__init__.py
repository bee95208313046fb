"""What is fitted to texts in closed form: vocabularies, token tables, maps of finished vectors."""

from jaxemb.fitting.composed import FittedRows, MeanRows, RowsOf, SimilarIds, TokenRows
from jaxemb.fitting.counts import PPMISVD
from jaxemb.fitting.estimator import Estimator, Vocabulary
from jaxemb.fitting.extension import MoreWords
from jaxemb.fitting.linear import Slice
from jaxemb.fitting.paragraph_vectors import ParagraphTable
from jaxemb.fitting.stages import Apply, Fit
from jaxemb.fitting.term_weights import TFIDF
from jaxemb.fitting.towers import InTower
from jaxemb.fitting.whitening import Whitening
