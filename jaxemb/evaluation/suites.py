"""Suites: named lists of tasks, and folders that become one."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jaxemb.config import UsageError, near_miss
from jaxemb.config.files import SHARED_DATA
from jaxemb.data import read_rows
from jaxemb.evaluation.base import Task, check_names
from jaxemb.evaluation.classification import Classification
from jaxemb.evaluation.clustering import Clustering
from jaxemb.evaluation.families import DESCRIPTIVE, MAKERS, UNREADABLE, NoTask, Set
from jaxemb.evaluation.pydocs import PyDocsGrades, PyDocsLabels, PyDocsLinks, PyDocsRetrieval
from jaxemb.evaluation.pydocs_packages import package_tasks
from jaxemb.evaluation.records import tfds_tasks
from jaxemb.evaluation.retrieval import Retrieval
from jaxemb.evaluation.sts import STS, PairClassification
from jaxemb.evaluation.user_folders import described_sets

QUICK_TEXTS, QUICK_TOKENS = 1000, 128


@dataclass(frozen=True)
class Suite:
    """Tasks that are run and summarised together.

    `tokens` is where longer texts are cut, None where the model's own limit holds. `passed_over`
    says of each set that gives no task why it does not, and `broken` of each that cannot be read.
    `sets` names the set of a task where it is not the task's own name, as with the languages of one
    table. The scores of `descriptive` tasks say what a model is like, not how good it is.
    """

    name: str
    tasks: tuple[Task, ...]
    tokens: int | None = None
    passed_over: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    descriptive: frozenset[str] = frozenset()

    def set_of(self, task: Task) -> str:
        """The name of the set that a task is judged on."""
        return self.sets.get(task.name, task.name)

    def types(self) -> dict[str, list[str]]:
        """Names of the tasks by their type: `{"retrieval": [...], "sts": [...]}`."""
        found: dict[str, list[str]] = {}
        for task in self.tasks:
            found.setdefault(task.kind, []).append(task.name)
        return found


def suite(name: str, *, families: Sequence[str] = (), folder: str | Path | None = None) -> Suite:
    """A suite by its name, or of a folder or a file of one's own.

    Args:
        name: `pydocs`, `pydocs-packages`, `shared`, `shared-quick`, `tfds:NAME`, or a path.
        families: keep only sets of these families (of a folder with a manifest), or tasks of these
            types.
        folder: where the sets of `shared` and `shared-quick` are, by default `$JAXEMB_SHARED_DATA`;
            for `tfds:`, the folder of prepared data sets.

    Raises:
        UsageError: no such suite, folder or family, or nothing that gives a task.

    Example:
        >>> suite("pydocs", families=("sts",)).types()
        {'sts': ['sts']}
    """
    if name.startswith("tfds:"):
        return _narrowed(Suite(name, tfds_tasks(name.removeprefix("tfds:"), folder)), families)
    if name in _NAMED:
        return _narrowed(_NAMED[name](), families)
    if name in ("shared", "shared-quick"):
        quick = name == "shared-quick"
        return folder_suite(_shared_folder(folder, name), families, name=name, quick=quick)
    if not Path(name).exists():
        known = [*_NAMED, "shared", "shared-quick"]
        raise UsageError(
            f"there is no suite {name!r}{near_miss(name, known)}; there are {', '.join(known)}, "
            "tfds:NAME, and any folder or table of yours"
        )
    return folder_suite(name, families)


def folder_suite(
    folder: str | Path, families: Sequence[str] = (), *, name: str = "", quick: bool = False
) -> Suite:
    """The sets of a folder as tasks, named family-set.

    A folder with a `manifest.jsonl` says itself what its sets are: a row has `family`, `path` and
    `columns`. In another, retrieval folders (BEIR's layout) and tables are found and told by their
    columns; a table itself may be given too. A set with a `language` column is one task
    per language. A table that cannot be read leaves the others as they are.

    Args:
        quick: at most 1,000 texts per set, cut to 128 tokens.

    Raises:
        UsageError: nothing there gives a task of these families.
    """
    sets = _sets(Path(folder), QUICK_TEXTS if quick else None)
    known = [n for n in dict.fromkeys([*MAKERS, *(s.family for s in sets)]) if n != UNREADABLE]
    unknown = sorted(set(families) - set(known))
    if unknown:
        raise UsageError(f"no family {', '.join(unknown)}; there are {', '.join(known)}")
    tasks, passed_over, broken, names, descriptive = [], {}, {}, {}, set()
    for each in sets:
        if families and each.family not in (*families, UNREADABLE):
            continue
        try:
            made = _tasks(each)
            tasks += made
            descriptive |= {task.name for task in made if each.family in DESCRIPTIVE}
            names |= {task.name: each.name for task in made if task.name != each.name}
        except NoTask as reason:
            passed_over[each.path] = str(reason)
        except UsageError as error:
            broken[each.path] = str(error)
    if not tasks and broken:
        raise UsageError(next(iter(broken.values())))
    if not tasks:
        wanted = f" of {', '.join(families)}" if families else ""
        raise UsageError(f"{folder} holds no set{wanted} that gives a task")
    check_names(tasks)
    tokens = QUICK_TOKENS if quick else None
    return Suite(
        name=name or Path(folder).name, tasks=tuple(tasks), tokens=tokens, passed_over=passed_over,
        broken=broken, sets=names, descriptive=frozenset(descriptive),
    )  # fmt: skip


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


_NAMED: dict[str, Callable[[], Suite]] = {
    "pydocs": lambda: Suite("pydocs", pydocs_tasks()),
    "pydocs-packages": lambda: Suite("pydocs-packages", package_tasks()),
}


def _narrowed(whole: Suite, families: Sequence[str]) -> Suite:
    """A suite whose sets have no family: its tasks' types take their place."""
    types = whole.types()
    unknown = sorted(set(families) - set(types))
    if unknown:
        raise UsageError(f"no type {', '.join(unknown)} in {whole.name}; it has {', '.join(types)}")
    kept = tuple(task for task in whole.tasks if not families or task.kind in families)
    return Suite(whole.name, kept, whole.tokens)


def _shared_folder(folder: str | Path | None, name: str) -> Path:
    place = folder or os.environ.get(SHARED_DATA)
    if not place:
        raise UsageError(
            f"say where the sets of {name} are: --data FOLDER, or the environment variable "
            f"{SHARED_DATA}"
        )
    return Path(place)


def _sets(folder: Path, texts: int | None) -> list[Set]:
    if not (folder / "manifest.jsonl").exists():
        return described_sets(folder, texts)
    return [
        Set(row["family"], _name(row), str(folder / row["path"]), tuple(row["columns"]), texts)
        for row in read_manifest(folder)
    ]


def read_manifest(folder: str | Path) -> list[dict]:
    """The rows of a folder's `manifest.jsonl`."""
    rows = read_rows(Path(folder) / "manifest.jsonl")
    for number, row in enumerate(rows, start=1):
        lacking = [name for name in ("family", "path", "columns") if name not in row]
        if lacking:
            raise UsageError(f"{folder}/manifest.jsonl, row {number} has no {', '.join(lacking)}")
    return rows


def _name(row: dict) -> str:
    stem = Path(row["path"]).name.removesuffix(".gz").removesuffix(".tsv").removesuffix(".jsonl")
    return f"{row['family']}-{stem}"


def _tasks(each: Set) -> Sequence[Task]:
    if each.family == UNREADABLE:
        raise UsageError(each.columns[0])
    maker = MAKERS.get(each.family)
    if maker is None:
        raise NoTask(f"there is no task for the family {each.family}")
    return maker(each)
