"""Files and folders that are there whole or not at all, and paths as people write them."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from jaxemb.config.parts import UsageError

SHARED_DATA = "JAXEMB_SHARED_DATA"
"""The environment variable that names a folder of sets; a path may begin with `$` and this name."""


def given_path(path: str | os.PathLike) -> Path:
    """A path as a person gave it: `~` is the home folder, and `~name` that of a user.

    A path that begins with `$JAXEMB_SHARED_DATA` is inside the folder that the variable names.

    Raises:
        UsageError: the path begins with the variable, and it is not set.

    Example:
        >>> given_path("~/runs") == Path.home() / "runs"
        True
    """
    given = os.fspath(path)
    if given.startswith(f"${SHARED_DATA}"):
        if not os.environ.get(SHARED_DATA):
            raise UsageError(
                f"{given} needs the environment variable {SHARED_DATA}: set it to a "
                "folder that has this set."
            )
        given = os.environ[SHARED_DATA] + given.removeprefix(f"${SHARED_DATA}")
    return Path(os.path.expanduser(given))


@contextlib.contextmanager
def writing_to(place: str | os.PathLike) -> Iterator[None]:
    """What the system refuses inside (no permission, no space) becomes one sentence.

    Raises:
        UsageError: an `OSError` was raised.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror or error}.") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to: what is there takes the place of `path` when the block ends.

    No reader finds half of a file, and of several writers the last one stays. Where the block
    raises, nothing is left of it.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "vectors.txt"
        >>> with whole_file(place) as staging:
        ...     written = staging.write_text("0.5")
        >>> place.read_text(), len(list(place.parent.iterdir()))
        ('0.5', 1)
    """
    staging = _beside(path)
    try:
        yield staging
        os.replace(staging, path)
    finally:
        staging.unlink(missing_ok=True)


def write_whole(path: Path, content: str) -> None:
    """Writes a text file in UTF-8 as `whole_file` does."""
    with whole_file(path) as staging:
        staging.write_text(content, encoding="utf-8")


def write_over(path: Path, content: str) -> None:
    """As `write_whole`, for files of jaxemb's own folders: a folder in the file's place goes."""
    if path.is_dir():
        discard(path)
    write_whole(path, content)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` to fill: it becomes `path` when the block ends.

    Folders above it are made. Where `path` has content by then, such as what another writer put
    there first, that stays; to write it anew, `discard` it at the end of the block. Where the block
    raises, nothing is left of it.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "model"
        >>> with whole_folder(place) as staging:
        ...     written = (staging / "model.json").write_text("{}")
        >>> [file.name for file in place.iterdir()]
        ['model.json']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = _beside(path)
    staging.mkdir()
    try:
        yield staging
        try:
            staging.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def discard(folder: Path) -> None:
    """Removes a folder at once for those who look for it, and then its files; none is no error.

    A file that stands where the folder belongs is removed as well.
    """
    aside = _beside(folder)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
    if aside.is_file() or aside.is_symlink():
        aside.unlink()
    shutil.rmtree(aside, ignore_errors=True)


def warn(sentence: str) -> None:
    """Tells a person, on standard error, what was not as it should be and what becomes of it."""
    print(f"warning: {' '.join(sentence.split())}", file=sys.stderr, flush=True)


def leftovers(path: Path) -> list[Path]:
    """What killed writers of `path` left beside it; what a living one is at work on looks the same."""
    length = len(_beside(path).name)
    return [
        other
        for other in path.parent.iterdir()
        if other.name.startswith(_MARK)
        and other.name.endswith(f"-{path.name}")
        and len(other.name) == length
    ]


_MARK = ".writing-"


def sweep_leftovers(folder: Path) -> None:
    """Removes what killed writers left in a folder, at any depth.

    Only for a folder that nobody else writes to at the time.
    """
    if folder.is_dir():
        for left in [*folder.rglob(f"{_MARK}*"), *folder.rglob("*.orbax-checkpoint-tmp*")]:
            discard(left)


def _beside(path: Path) -> Path:
    """The name ends alike: some libraries go by the ending."""
    return path.with_name(f"{_MARK}{os.urandom(4).hex()}-{path.name}")
