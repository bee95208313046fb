"""What a folder holds, with a digest of each file: written last, and checked where it is read.

A digest finds what a disk, a copy or an editor has changed. It does not say who wrote a folder:
whoever can write the files can write a manifest for them.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypedDict

from jaxemb.config.contents import hash_of
from jaxemb.config.files import write_whole
from jaxemb.config.parts import UsageError
from jaxemb.config.ranges import AtLeast
from jaxemb.config.reading import check_format, inside, read_json

MANIFEST = "manifest.json"
FORMAT = 1


class Damaged(UsageError):
    """A folder that was written whole and is not what was written any more.

    Attributes:
        files: the names of those of its files that are absent, changed, or not its own; the
            manifest's own name where that cannot be read.
    """

    def __init__(self, folder: Path, files: tuple[str, ...], reason: str = "") -> None:
        super().__init__(reason or f"{folder} is damaged: {_told(files)}.")
        self.folder, self.files = folder, files


def _told(files: tuple[str, ...]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more} {'are' if more else 'is'} not what was written"


class _Manifest(TypedDict):
    format: Annotated[int, AtLeast(0)]
    kind: str
    files: dict[str, str]


def seal(folder: Path, kind: str, files: Iterable[Path] | None = None) -> None:
    """Write the manifest of a folder whose files are all there: of all of them by default.

    Args:
        kind: what the folder is, such as "model", so that no folder is taken for another.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp())
        >>> written = (place / "scores.json").write_text("{}")
        >>> seal(place, "results")
        >>> check(place, "results")
        True
        >>> written = (place / "scores.json").write_text("{ }")
        >>> changed(place, "results")
        ('scores.json',)
    """
    chosen = _files(folder) if files is None else [file for file in files if file.is_file()]
    named = {file.relative_to(folder).as_posix(): hash_of(file) for file in sorted(chosen)}
    content = {"format": FORMAT, "kind": kind, "files": named}
    write_whole(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def check(folder: Path, kind: str, *, required: bool = False, alone: bool = False) -> bool:
    """Whether a folder has a manifest; what it says of the folder's files is then true.

    Args:
        required: the folder was written by a version that writes a manifest.
        alone: the folder holds no file besides.

    Raises:
        Damaged: a file is not what was written, or there is no manifest, and there was one.
    """
    if not required and not (folder / MANIFEST).exists():
        return False
    files = changed(folder, kind, alone=alone)
    if files:
        raise Damaged(folder, files)
    return True


def changed(folder: Path, kind: str, *, alone: bool = False) -> tuple[str, ...]:
    """The files of a folder that are not what was written.

    Raises:
        UsageError: the manifest is of a format that is yet to come.
    """
    try:
        listed = read_json(folder / MANIFEST, _Manifest)
    except UsageError:
        return (MANIFEST,)
    check_format(folder / MANIFEST, listed["format"], FORMAT)
    if listed["kind"] != kind:
        return (MANIFEST,)
    found = [name for name, digest in listed["files"].items() if not _is(folder, name, digest)]
    others = {file.relative_to(folder).as_posix() for file in _files(folder)} if alone else set()
    return (*found, *sorted(others - listed["files"].keys()))


def listed(folder: Path) -> tuple[str, ...]:
    """The names of the files that a folder's manifest lists.

    Raises:
        Damaged: it has no manifest that can be read.
    """
    try:
        return tuple(read_json(folder / MANIFEST, _Manifest)["files"])
    except UsageError:
        raise Damaged(folder, (MANIFEST,)) from None


def _is(folder: Path, name: str, digest: str) -> bool:
    try:
        return hash_of(inside(folder, name)) == digest
    except UsageError:
        return False


def _files(folder: Path) -> list[Path]:
    """All files of a folder but the manifest, and but those that a system puts there unseen."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".") and file != folder / MANIFEST
    ]


# --- one file by itself


def write_sealed(path: Path, content: dict) -> None:
    """Writes a JSON file with a digest of its content inside, under `sha256`."""
    write_whole(path, json.dumps(content | {"sha256": _digest(content)}, indent=1))


def read_sealed(path: Path, shape: object) -> dict:
    """What `write_sealed` wrote; a file of before, without a digest, as it is.

    Raises:
        UsageError: it cannot be read, has another shape, or is not what was written.
    """
    found = read_json(path, shape)
    digest = found.pop("sha256", None)
    if digest is not None and digest != _digest(found):
        raise UsageError(f"{path} is damaged: it is not what was written.")
    return found


def _digest(content: dict) -> str:
    import hashlib

    text = json.dumps(json.loads(json.dumps(content)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
