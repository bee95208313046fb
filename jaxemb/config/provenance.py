"""What made a number: the code's commit and the libraries' versions."""

import functools
import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from jaxemb.config import sources

LIBRARIES = (
    "jaxemb",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "scipy",
    "tokenizers",
)


@functools.cache
def commit() -> str | None:
    """The checkout's commit, with `+changes` when the work tree differs from it; None outside one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if head is None:
        return None
    changes = _git(root, "status", "--porcelain", "--", "jaxemb", "experiments")
    return f"{head}+changes" if _code_changed(changes) else head


def _code_changed(status: str | None) -> bool:
    """Records are what runs write, not what they are made by."""
    return any(not line.endswith(".json") for line in (status or "").splitlines())


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that compute the numbers."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


# The libraries that make vectors, and those that fit and train besides.
_EMBED = ("jax", "jaxlib", "flax", "numpy", "tokenizers")
_LEARN = (*_EMBED, "optax", "scipy", "scikit-learn")


def code_of_vectors(makers: Iterable[object]) -> str:
    """Hex of a hash of the code that makes vectors, by which a change of it is noticed.

    Args:
        makers: the parts, classes and functions that make them. The code is that of their modules
            and of all that these import; the libraries' versions are added.
    """
    return _code(makers, _EMBED)


def code_of_stages(makers: Iterable[object]) -> str:
    """Hex of a hash of the code that fits and trains, as `code_of_vectors` of what embeds.

    What a stage has left in the cache by other code is thereby not taken for what it would leave now.
    """
    return _code(makers, _LEARN)


def _code(makers: Iterable[object], libraries: Iterable[str]) -> str:
    made = [sources.code_of({one.__module__ for one in makers})]
    made += [versions().get(name) for name in libraries]
    return hashlib.sha256(repr(made).encode()).hexdigest()
