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


# What stands between a text and its vector.
_ROOMS = (
    "text",
    "nn",
    "tokens",
    "encoders",
    "pooling",
    "heads",
    "fitting",
    "runtime/devices.py",
    "model",
)
_MAKERS = ("jax", "jaxlib", "flax", "numpy", "tokenizers")

# What stands between a stage's data and what it makes of a model, besides.
_STAGE_ROOMS = (*_ROOMS, "data", "losses", "training", "interop", "study/stages.py")
_STAGE_MAKERS = (*_MAKERS, "optax", "scipy", "scikit-learn")


def code_of_vectors(parts: Iterable[object] = ()) -> str:
    """Hex of a hash of the code that makes vectors, by which a change of it is noticed.

    That is jaxemb's own code, the versions of JAX and of the tokenizers, and the source files of
    those of the `parts` that are defined elsewhere.
    """
    return _with_elsewhere(_own_code(_ROOMS, _MAKERS), parts)


def code_of_stages(parts: Iterable[object] = ()) -> str:
    """Hex of a hash of the code that fits and trains: `code_of_vectors`, and what reads data and learns.

    What a stage has left in the cache by other code is thereby not taken for what it would leave now.
    """
    return _with_elsewhere(_own_code(_STAGE_ROOMS, _STAGE_MAKERS), parts)


def _with_elsewhere(own: str, parts: Iterable[object]) -> str:
    """A hash of jaxemb's own code and of the source files of the parts that it does not hold."""
    elsewhere = {type(part) for part in parts if not type(part).__module__.startswith("jaxemb.")}
    files = {inspect.getsourcefile(cls) for cls in elsewhere} - {None}
    digest = hashlib.sha256(own.encode())
    for file in sorted(files):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


@functools.cache
def _own_code(rooms: tuple[str, ...], makers: tuple[str, ...]) -> str:
    package = Path(__file__).resolve().parents[1]
    found = (package / room for room in rooms)
    files = [file for place in found for file in (sorted(place.rglob("*.py")) or [place])]
    digest = hashlib.sha256(repr([versions().get(name) for name in makers]).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
