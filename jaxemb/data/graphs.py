"""Graphs of texts in a folder: `nodes.tsv` and `edges.tsv`."""

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

from jaxemb.config import AtLeast, UsageError, check_ranges, fingerprint, hash_of
from jaxemb.config.files import given_path
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import share_of
from jaxemb.data.tables import Row, read_rows


@dataclass(frozen=True, kw_only=True)
class TextGraph(Source):
    """A folder with `nodes.tsv` (`id`, `text`, maybe more) and `edges.tsv` (`source`, `target`).

    A record is a node: `name` is its id, `body` its text, `links` the ids that its edges lead to,
    and the other columns are as they are. Nodes fall into train, dev and test by a hash of their id,
    `shares` of them each; a link into another split stays a name, which views leave out. Either file
    may be gzipped.

    Raises:
        UsageError: a file is missing or of another form, an edge names no node, the shares do not
            add up to 1, or there is no such split.

    Example:
        >>> TextGraph(path="cora").records("train")[0]["links"]  # doctest: +SKIP
        ('13', '219')
    """

    unfingerprinted: ClassVar[tuple[str, ...]] = ("path",)

    path: str
    shares: Annotated[tuple[float, ...], AtLeast(0)] = (0.8, 0.1, 0.1)

    def __post_init__(self) -> None:
        check_ranges(self)
        if len(self.shares) != len(SPLITS) or abs(sum(self.shares) - 1) > 1e-6:
            raise UsageError(
                f"shares={self.shares} must be {len(SPLITS)} numbers that add up to 1: those of "
                f"{', '.join(SPLITS)}"
            )

    def records(self, split: str) -> list[Row]:
        if split not in SPLITS:
            raise UsageError(f"a graph has no split {split!r}; splits: {', '.join(SPLITS)}")
        at = SPLITS.index(split)
        low, high = sum(self.shares[:at]), sum(self.shares[: at + 1])
        high = high if split != SPLITS[-1] else 1.0
        files = self._files()
        nodes = _nodes(*files, tuple(file.stat().st_mtime_ns for file in files if file.exists()))
        return [{**node, "split": split} for node in nodes if low <= share_of(node["name"]) < high]

    def content(self) -> str:
        return "".join(map(hash_of, self._files()))

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _files(self) -> tuple[Path, Path]:
        folder = given_path(self.path)
        plain = (folder / "nodes.tsv", folder / "edges.tsv")
        return tuple(file if file.exists() else file.with_name(f"{file.name}.gz") for file in plain)


@lru_cache(maxsize=4)
def _nodes(nodes: Path, edges: Path, changed: tuple[int, ...]) -> tuple[Row, ...]:
    links: dict[str, list[str]] = defaultdict(list)
    for edge in read_rows(edges):
        links[_of(edge, "source", edges)].append(_of(edge, "target", edges))
    found = tuple(_node(row, links, nodes) for row in read_rows(nodes))
    names = {node["name"] for node in found}
    for source, targets in links.items():
        if unknown := {source, *targets} - names:
            raise UsageError(f"{edges} has an edge at {sorted(unknown)[0]!r}, which is no node")
    return found


def _node(row: Row, links: dict[str, list[str]], path: Path) -> Row:
    name, text = _of(row, "id", path), _of(row, "text", path)
    other = {key: value for key, value in row.items() if key not in ("id", "text")}
    own = {"name": name, "body": text, "links": tuple(dict.fromkeys(links.get(name, ())))}
    return {"module": "", "summary": "", **other, **own}


def _of(row: Row, column: str, path: Path) -> str:
    if row.get(column) is None:
        raise UsageError(f"{path} has a row without {column!r}; it has {', '.join(row)}")
    return str(row[column])
