"""What made a number: the code's commit and the libraries' versions."""

import functools
import hashlib
import inspect
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

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
    root = Path(__file__).resolve().parents[1]
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


# What stands between a text and its vector.
_ROOMS = (
    "text",
    "nn",
    "tokens",
    "encoders",
    "pooling",
    "heads",
    "postprocessing",
    "parallel.py",
    "model",
)
_MAKERS = ("jax", "jaxlib", "flax", "numpy", "tokenizers")


def code_of_vectors(parts: Iterable[object] = ()) -> str:
    """Hex of a hash of the code that makes vectors, by which a change of it is noticed.

    That is jaxemb's own code, the versions of JAX and of the tokenizers, and the source files of
    those of the `parts` that are defined elsewhere.
    """
    elsewhere = {type(part) for part in parts if not type(part).__module__.startswith("jaxemb.")}
    files = {inspect.getsourcefile(cls) for cls in elsewhere} - {None}
    digest = hashlib.sha256(_own_code().encode())
    for file in sorted(files):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


@functools.cache
def _own_code() -> str:
    package = Path(__file__).resolve().parent
    found = (package / room for room in _ROOMS)
    files = [file for place in found for file in (sorted(place.rglob("*.py")) or [place])]
    digest = hashlib.sha256(repr([versions().get(name) for name in _MAKERS]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
