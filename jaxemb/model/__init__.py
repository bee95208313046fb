"""A network, its parameters and what it takes to use them: encode, similarity, save."""

from jaxemb.model.embedder import Embedder
from jaxemb.model.embedding import Embedding
from jaxemb.model.images import Image, ImageBatch, ImageEmbedder
from jaxemb.model.index import Index
from jaxemb.model.model import Model
from jaxemb.model.network import Network, Params
from jaxemb.model.saving import FORMAT, KIND
from jaxemb.model.start import NoModel, Start
from jaxemb.model.tower import OneTower, initialised
from jaxemb.model.towers import Tower, Towers
from jaxemb.model.transforms import Transform
from jaxemb.model.transplanting import transplanted
