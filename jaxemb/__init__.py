"""jaxemb: a research framework for text embeddings in JAX.

Names are imported when they are first used, so that `import jaxemb` and the command line start
without JAX. `__init__.pyi` lists them; whatever `jaxemb.study` exports is exported here too.
"""

import ast
from pathlib import Path

import lazy_loader

from jaxemb import study

__version__ = "0.1.0"

_stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_names = {"study": study.__all__}
for _node in _stub.body:
    if isinstance(_node, ast.ImportFrom) and _node.module != "study":
        _names.setdefault(_node.module, []).extend(alias.name for alias in _node.names)
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_names)
