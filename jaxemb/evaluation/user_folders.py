"""Folders without a manifest: retrieval sets and tables, told apart by what they hold."""

from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.data import read_rows
from jaxemb.evaluation.families import UNREADABLE, Set

_TABLES = (".tsv", ".csv", ".jsonl")


def described_sets(folder: Path, texts: int | None) -> list[Set]:
    """The sets that a folder (or one table, or one retrieval folder) holds.

    | what is there | family |
    |---|---|
    | `corpus.jsonl`, `queries.jsonl` and `qrels/` | retrieval |
    | a table with two texts and `score` | sts |
    | a table with two texts and `label` | pairs |
    | a table with `premise`, `hypothesis` and `label` | nli |
    | a table with `text` and `label` | classification |

    Raises:
        UsageError: there is no such file or folder, or nothing in it that is a set.
    """
    if not folder.exists():
        raise UsageError(f"there is no file or folder {folder}")
    if _is_retrieval(folder):
        return [Set("retrieval", f"retrieval-{folder.resolve().name}", str(folder), (), texts)]
    if folder.is_file():
        return [_table(folder, texts)]
    found = [place for place in sorted(folder.iterdir()) if not place.name.startswith(".")]
    sets = [
        _table(place, texts) if place.is_file() else described_sets(place, texts)[0]
        for place in found
        if _is_retrieval(place) or (place.is_file() and _is_table(place))
    ]
    if not sets:
        raise UsageError(
            f"{folder} holds no set: neither a manifest.jsonl, nor retrieval folders (corpus.jsonl, "
            f"queries.jsonl, qrels/), nor tables ({', '.join(_TABLES)})"
        )
    return sets


def _is_retrieval(place: Path) -> bool:
    return any((place / name).exists() for name in ("corpus.jsonl", "corpus.jsonl.gz"))


def _is_table(place: Path) -> bool:
    return place.name.removesuffix(".gz").endswith(_TABLES)


def _table(path: Path, texts: int | None) -> Set:
    stem = path.name.removesuffix(".gz").rpartition(".")[0]
    try:
        columns = tuple(read_rows(path)[0])
    except UsageError as error:  # the other sets of the folder are read all the same
        return Set(UNREADABLE, stem, str(path), (str(error),), texts)
    family = _family(columns)
    return Set(family, f"{family}-{stem}", str(path), columns, texts)


def _family(columns: tuple[str, ...]) -> str:
    """What a table with these columns is; `table` where they say nothing."""
    has = set(columns)
    if {"sentence1", "sentence2"} <= has or {"text1", "text2"} <= has:
        return "sts" if "score" in has else "pairs"
    if {"premise", "hypothesis", "label"} <= has:
        return "nli"
    return "classification" if {"text", "label"} <= has else "table"
