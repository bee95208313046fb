"""An embedder, its parameters and what it takes to use them: encode, similarity, save, load."""

from jaxemb.model.embedder import Embedder, Params
from jaxemb.model.embedding import Embedding
from jaxemb.model.model import FORMAT, Model, Transform
