"""Reading an installation's documentation into records, in two processes."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jaxemb
from jaxemb.data.duplicates import groups_of_copies, normalise, split_of
from jaxemb.data.progress import Progress
from jaxemb.data.pydocs.compiled import ALLOWED
from jaxemb.data.pydocs.installation import LIBRARY, installed, sources
from jaxemb.data.pydocs.links import ImportTable, Resolver

_PROCESSES = 2
_FILES = 300  # that make one more process worth its start
_SIBLINGS = 2  # neighbours on each side
_LEAST_CODE = 200  # characters; shorter code may be equal by chance


def extract(packages: tuple[str, ...]) -> list[dict[str, Any]]:
    """All records of the packages, sorted by module, objects in the order of their file."""
    tasks = [list(job) for job in _jobs(installed(packages))]
    title = "reading the documentation of this Python (once)"
    with Progress(title, sum(map(len, tasks))) as step:
        with ThreadPoolExecutor(_PROCESSES) as pool:
            answers = [a for found in pool.map(lambda t: _run(t, step), tasks) for a in found]
        records = _unique(answers)
        _link(records, answers)
        _neighbours(records)
        _assign_splits(records)
    return records


# --- the processes


def _jobs(packages: Sequence[str]) -> Iterator[list[list[str]]]:
    """Lists of tasks for one process each: the slow imports first, then the files in halves."""
    compiled = [["compiled", p, module] for p in packages for module in ALLOWED.get(p, ())]
    compiled += [["topics"]] if LIBRARY in packages else []
    if compiled:
        yield compiled
    files = [["source", *source] for p in packages for source in sources(p)]
    pieces = min(_PROCESSES + 1, 1 + len(files) // _FILES)  # three even out the slow imports
    for first in range(pieces):
        yield files[first::pieces]


def _run(tasks: list[list[str]], step: Callable[[], None]) -> list[dict[str, Any]]:
    root = str(Path(jaxemb.__file__).parent.parent)
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    # These processes only read: an accelerator must stay free, and hash order never shows.
    environment = {**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "jaxemb.data.pydocs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=environment,
        ) as process,
    ):
        answers = list(_converse(process, tasks, step))
        if process.wait() or len(answers) < len(tasks):
            errors.seek(0)
            raise RuntimeError(
                f"reading {' '.join(tasks[min(len(answers), len(tasks) - 1)])} failed with exit "
                f"code {process.returncode}:\n{errors.read()[-2000:]}"
            )
    return answers


def _converse(
    process: subprocess.Popen, tasks: list[list[str]], step: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    try:
        process.stdin.write(json.dumps(tasks))
        process.stdin.close()
        for line in process.stdout:
            step()
            yield json.loads(line)
    except BrokenPipeError:
        return
    except BaseException:
        process.kill()
        raise


# --- from answers to records


def _unique(answers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record a name, grouped by module. Definitions under `if` and `try` come twice."""
    found: dict[str, dict[str, Any]] = {}
    for answer in sorted(answers, key=lambda a: a["module"]):
        for record in answer["records"]:
            clean = {k: _clean(v) if isinstance(v, str) else v for k, v in record.items()}
            found.setdefault(record["name"], {**clean, "package": answer["package"]})
    return sorted(found.values(), key=lambda r: r["module"])


def _clean(text: str) -> str:
    """Text that UTF-8 can hold: some docstrings spell lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _link(records: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    tables = {}
    for answer in answers:
        old = tables.get(answer["module"], ImportTable({}, []))
        names = {**answer["names"], **old.names}
        tables[answer["module"]] = ImportTable(names, [*old.stars, *answer["stars"]])
    resolver = Resolver((r["name"] for r in records), tables)
    for record in records:
        scope = record["parent"] if record["kind"] != "class" else record["name"]
        found = (resolver.resolve(name, scope or record["name"]) for name in record.pop("mentions"))
        record["links"] = tuple(dict.fromkeys(n for n in found if n and n != record["name"]))


def _neighbours(records: list[dict[str, Any]]) -> None:
    """The nearest documented siblings: in the same module or class, in the order of the file."""
    families: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in records:
        record["neighbours"] = ()
        families.setdefault((record["package"], record.pop("parent")), []).append(record)
    for (_, parent), family in families.items():
        if not parent:  # top-level modules stand beside each other by the alphabet alone
            continue
        names = [record["name"] for record in family]
        for i, record in enumerate(family):
            before = names[max(i - _SIBLINGS, 0) : i]
            record["neighbours"] = tuple(before[::-1] + names[i + 1 : i + 1 + _SIBLINGS])


def _assign_splits(records: list[dict[str, Any]]) -> None:
    """Give each record its near-duplicate cluster's module, and the split that this hashes to.

    Documentation is copied between modules (re-exports, wrappers, vendored files), so splitting by
    module alone would put one text on both sides. Records with an equal summary, body or code, or
    nearly equal documentation, take the first of their modules in the alphabet instead.
    """
    keys = ([key(record) for record in records] for key in (_summary_key, _body_key, _code_key))
    labels = groups_of_copies([f"{r['summary']}\n{r['body']}" for r in records], keys)
    modules: dict[int, str] = {}
    for label, record in zip(labels, records, strict=True):
        modules[label] = min(modules.get(label, record["module"]), record["module"])
    for label, record in zip(labels, records, strict=True):
        record["cluster"] = modules[label]
        record["split"] = split_of(modules[label])


def _summary_key(record: dict[str, Any]) -> str:
    return normalise(record["summary"])


def _body_key(record: dict[str, Any]) -> str | None:
    return normalise(record["body"]) or None


def _code_key(record: dict[str, Any]) -> str | None:
    return normalise(record["code"]) if len(record["code"]) >= _LEAST_CODE else None
