"""Parameters changed without a loss, or said which may change: added, low-rank, merged, grown."""

from jaxemb.adaptation.adapters import BottleneckAdapters, PrefixAdapters
from jaxemb.adaptation.growing import Upcycled, upcycled
from jaxemb.adaptation.low_rank import LoRA
from jaxemb.adaptation.merge_stage import After, AtStart, Elsewhere, MergeWith, OtherModel
from jaxemb.adaptation.merging import (
    MeanWeights,
    Merge,
    Merged,
    Spherical,
    TaskVectors,
    TaskVectorsFromFirst,
)
from jaxemb.adaptation.storage import Compressed, EightBits, HalfPrecision, Storage
