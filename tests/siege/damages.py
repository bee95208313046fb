"""How files and values are damaged, and what a command may answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxemb.__main__ import main
from jaxemb.config.manifests import MANIFEST, listed, seal

DAMAGES = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "bytes": lambda content: b"\xff\xfe\0" + content[3:],
    "null": lambda content: b"null",
    "list": lambda content: b"[]",
    "number": lambda content: b"1e999",
    "object": lambda content: b"{}",
    "deep": lambda content: b"[" * 100_000,
    "flipped": lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:],
    "folder": None,
}
VALUES = {
    "null": None, "text": "many", "negative": -1, "fraction": 0.5, "huge": 10**12,
    "infinite": float("inf"), "true": True, "list": [1], "object": {"a": 1}, "deep": [[[[[]]]]],
}  # fmt: skip


def damage(path: Path, how: str) -> None:
    """Writes a file anew, as a disk or an editor would; "folder" puts a folder in its place."""
    if DAMAGES[how] is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(DAMAGES[how](path.read_bytes()))


def files(folder: Path) -> list[str]:
    """All files of a folder that hold something, but those that a system keeps there unseen."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1)
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if not Path(name).name.startswith("."))


def contents(folder: Path) -> dict[Path, bytes]:
    """All files of a folder, with what they hold."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in found}


def fields(content: Any, at: tuple = ()) -> Iterator[tuple]:
    """The place of each field of a JSON, itself first; of a long list, of its first items."""
    yield at
    items = content.items() if isinstance(content, dict) else ()
    items = list(enumerate(content))[:2] if isinstance(content, list) else items
    for key, value in items:
        yield from fields(value, (*at, key))


def changed(content: Any, at: tuple, value: Any) -> Any:
    """The JSON with another value at a place."""
    if not at:
        return value
    copy = content.copy()
    copy[at[0]] = changed(content[at[0]], at[1:], value)
    return copy


def write_resealed(root: Path, file: str, content: Any) -> None:
    """Writes a JSON, and the manifests over it, as somebody who means it would."""
    path = root / file
    path.write_text(json.dumps(content))
    for folder in [parent for parent in path.parents if parent.is_relative_to(root)]:
        manifest = folder / MANIFEST
        if manifest.exists() and manifest != path:
            kind = json.loads(manifest.read_text())["kind"]
            seal(folder, kind, [folder / name for name in listed(folder)])


def answer(capsys: Any, *arguments: Any) -> tuple[int, str, str]:
    """What a command says: its exit code, its output and its errors."""
    try:
        code = main([str(one) for one in arguments])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, out, err


def one_sentence(told: tuple[int, str, str]) -> str:
    """The sentence of a command that refuses: one, and no trace."""
    code, out, err = told
    assert code == 2, told
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in err, told
    return lines[0]
