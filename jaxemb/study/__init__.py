"""Studies: recipes, experiments, sweeps, runs, and how their claims are judged and recorded.

Names are imported when they are first used, since `jaxemb list` reads experiments without JAX;
`__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
