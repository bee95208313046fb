"""Parameters changed without a loss, or said which may change: low-rank, merged, grown."""

from jaxemb.adaptation.growing import Upcycled, upcycled
from jaxemb.adaptation.low_rank import LoRA
from jaxemb.adaptation.merging import MeanWeights, Merge, Merged, Spherical, TaskVectors
