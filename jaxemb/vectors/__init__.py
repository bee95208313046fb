"""Vectors on disk, cached by the weights and the text that they are of; data that ask models."""

from jaxemb.vectors.cache import Embed, EmbeddingCache, Usage, check_vectors, of_kind
from jaxemb.vectors.consistency import (
    AboveScore,
    AheadOfOthers,
    AllOf,
    Consistency,
    Consistent,
    WithinRank,
)
from jaxemb.vectors.corpus import map_vectors, store_vectors
from jaxemb.vectors.exclusions import (
    AlsoTexts,
    Candidates,
    Exclusion,
    KnownAnswers,
    OwnPositives,
    SameValue,
)
from jaxemb.vectors.files import VectorFile, key_of
from jaxemb.vectors.hard_negatives import Found, mine
from jaxemb.vectors.judges import (
    AnotherModel,
    CrossEncoder,
    Judge,
    PairScore,
    Reranked,
    UnderTraining,
)
from jaxemb.vectors.looks import BySearch, Look, Rescored
from jaxemb.vectors.mining import Mined, MinedOnce
from jaxemb.vectors.negatives import (
    BelowPositive,
    BelowRisingScore,
    BelowScore,
    BelowShareOfPositive,
    DrawnByScore,
    DrawnUniformly,
    Eligible,
    Hardest,
    Ranks,
    Taking,
)
from jaxemb.vectors.own_queries import OwnQueries
from jaxemb.vectors.ranks import Ranked, ranked, scores_of
from jaxemb.vectors.replacing import MinedWhereEasy
from jaxemb.vectors.store import (
    EmbeddingStore,
    clear_store,
    store_folder,
    store_limit,
    stored_files,
)
from jaxemb.vectors.teachers import Taught, TaughtScores
