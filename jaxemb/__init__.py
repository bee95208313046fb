"""jaxemb: a research framework for text embeddings in JAX.

Names are imported when they are first used, so that `import jaxemb` and the command line start
without JAX. `__init__.pyi` lists them.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
