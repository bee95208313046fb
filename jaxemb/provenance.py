"""What made a number: the code's commit and the libraries' versions."""

import functools
import platform
import subprocess
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
