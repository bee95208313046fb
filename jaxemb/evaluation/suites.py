"""Ready lists of tasks: the embedded default, and every set of a folder that has a manifest."""

from collections.abc import Callable, Sequence
from pathlib import Path

from jaxemb.config import UsageError
from jaxemb.data.tables import read_rows
from jaxemb.evaluation.base import Task
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.files import AllLabelled, LabelFile, PairFile, RetrievalFolder
from jaxemb.evaluation.pair_classification import PairClassification
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sts import STS


def pydocs_tasks(split: str = "test") -> tuple[Task, ...]:
    """The five kinds of task on Python's documentation; `split="dev"` for choosing settings.

    Example:
        >>> [task.name for task in pydocs_tasks()]
        ['retrieval', 'sts', 'classification', 'clustering', 'pair_classification']
    """
    return (
        Retrieval(data=PyDocsRetrieval(split=split)),
        STS(data=PyDocsGrades(split=split)),
        Classification(data=PyDocsLabels(split=split)),
        Clustering(data=PyDocsLabels(split=split)),
        PairClassification(data=PyDocsLinks(split=split)),
    )


def folder_tasks(folder: str | Path, families: Sequence[str] = ()) -> tuple[Task, ...]:
    """A task for every set that a folder's `manifest.jsonl` lists, named family-set.

    A manifest row has `family` (sts, retrieval, classification, clustering or pairs; other families
    are passed over), `path` and `columns`. A set with a `language` column gives a task a language.
    `families` keeps only those. Nothing but the manifest is read, save for sets with languages.

    Raises:
        UsageError: if the manifest is missing, or lists no set of these families.

    Example:
        tasks = folder_tasks("data", families=("sts",))     # sts-stsb-en, sts-sick-en, ...
    """
    folder = Path(folder)
    rows = read_manifest(folder)
    unknown = sorted(set(families) - set(_MAKERS))
    if unknown:
        raise UsageError(f"no family {', '.join(unknown)}; there are {', '.join(_MAKERS)}")
    wanted = [row for row in rows if row["family"] in (families or _MAKERS)]
    tasks = [task for row in wanted for task in _tasks(folder, row)]
    if not tasks:
        raise UsageError(
            f"the manifest of {folder} lists no set of {', '.join(families or _MAKERS)}"
        )
    return tuple(tasks)


def read_manifest(folder: str | Path) -> list[dict]:
    """The rows of a folder's `manifest.jsonl`."""
    rows = read_rows(Path(folder) / "manifest.jsonl")
    for number, row in enumerate(rows, start=1):
        lacking = [name for name in ("family", "path", "columns") if name not in row]
        if lacking:
            raise UsageError(f"{folder}/manifest.jsonl, row {number} has no {', '.join(lacking)}")
    return rows


def _tasks(folder: Path, row: dict) -> list[Task]:
    path = str(folder / row["path"])
    stem = Path(row["path"]).name.removesuffix(".gz").removesuffix(".tsv").removesuffix(".jsonl")
    name = f"{row['family']}-{stem}"
    make = _MAKERS[row["family"]]
    if "language" not in row["columns"]:
        return make(name, path, (), row["columns"])
    languages = sorted({record["language"] for record in read_rows(path)})
    return [
        task
        for language in languages
        for task in make(f"{name}-{language}", path, (f"language={language}",), row["columns"])
    ]


def _sts(name: str, path: str, where: tuple[str, ...], columns: Sequence[str]) -> list[Task]:
    return [STS(name=name, data=PairFile(path=path, where=where))]


def _pairs(name: str, path: str, where: tuple[str, ...], columns: Sequence[str]) -> list[Task]:
    if "label" not in columns:
        return []  # positives only: data to train on
    return [PairClassification(name=name, data=PairFile(path=path, where=where))]


def _classification(
    name: str, path: str, where: tuple[str, ...], columns: Sequence[str]
) -> list[Task]:
    return [Classification(name=name, data=LabelFile(path=path, where=where))]


def _clustering(name: str, path: str, where: tuple[str, ...], columns: Sequence[str]) -> list[Task]:
    return [Clustering(name=name, data=AllLabelled(path=path, where=where))]


def _retrieval(name: str, path: str, where: tuple[str, ...], columns: Sequence[str]) -> list[Task]:
    return [Retrieval(name=name, data=RetrievalFolder(path=path))]


_MAKERS: dict[str, Callable[..., list[Task]]] = {
    "sts": _sts,
    "retrieval": _retrieval,
    "classification": _classification,
    "clustering": _clustering,
    "pairs": _pairs,
}
