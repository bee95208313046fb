from .config import Part as Part
from .config import UsageError as UsageError
from .fitting import Apply as Apply
from .fitting import Fit as Fit
from .interop import FromRun as FromRun
from .interop import Pretrained as Pretrained
from .interop import load as load
from .model import Embedder as Embedder
from .model import Model as Model
from .runtime import Runtime as Runtime
from .study import *
from .training import Train as Train

__version__: str
