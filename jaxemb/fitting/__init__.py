"""What is fitted to texts in closed form: vocabularies, token tables, maps of finished vectors."""

from jaxemb.fitting.counts import PPMISVD
from jaxemb.fitting.estimator import Estimator, Vocabulary
from jaxemb.fitting.extension import MoreWords
from jaxemb.fitting.linear import Slice
from jaxemb.fitting.stages import Apply, Fit
from jaxemb.fitting.whitening import Whitening
