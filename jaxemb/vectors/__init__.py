"""Vectors on disk, cached by the weights and the text that they are of."""

from jaxemb.vectors.cache import Embed, EmbeddingCache, Usage, check_vectors, of_kind
from jaxemb.vectors.files import VectorFile, key_of
from jaxemb.vectors.mining import Mined, mine
from jaxemb.vectors.store import (
    EmbeddingStore,
    clear_store,
    store_folder,
    store_limit,
    stored_files,
)
from jaxemb.vectors.teachers import Taught
