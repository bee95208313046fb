"""What a room exports: the public names of its `__init__`. Not a test itself."""

import importlib
from typing import Any


def exports(room: str) -> dict[str, Any]:
    """`{"Mean": Mean, ...}` of a package such as `"pooling"`; modules are left out."""
    package = importlib.import_module(f"jaxemb.{room}")
    names = getattr(package, "__all__", None) or [n for n in vars(package) if n[0] != "_"]
    found = {name: getattr(package, name) for name in names}
    return {name: value for name, value in found.items() if not hasattr(value, "__spec__")}
