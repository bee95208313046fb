"""What a full or forbidden disk says, as one sentence."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from jaxemb.config import UsageError


@contextlib.contextmanager
def writing_checkpoint(folder: Path) -> Iterator[None]:
    """A full or forbidden disk as one sentence; every other error as it is."""
    try:
        yield
    except Exception as error:
        reason = _disk_reason(error)
        if reason is None:
            raise
        free = _free(folder)
        raise UsageError(
            f"The checkpoint in {folder} cannot be written: {reason}{free}."
        ) from error


_DISK_REASONS = (
    "No space left on device", "Permission denied", "Operation not permitted", "Not a directory",
    "Read-only file system", "Disk quota exceeded", "File too large", "File exists",
)  # fmt: skip


def _disk_reason(error: BaseException | None) -> str | None:
    """What the system said, wherever in the chain of errors it said it."""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        for reason in _DISK_REASONS:
            if reason.lower() in str(error).lower():
                return reason
        error = error.__cause__ or error.__context__
    return None


def _free(folder: Path) -> str:
    with contextlib.suppress(OSError):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        return f" ({shutil.disk_usage(existing).free / 1e6:.0f} MB are free)"
    return ""
