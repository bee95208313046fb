"""`PyDocs`: the documentation of this Python installation as a corpus. Nothing is downloaded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from jaxemb.config import UsageError, fingerprint
from jaxemb.config.files import discard, warn
from jaxemb.config.manifests import Damaged, check, seal
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.progress import Progress
from jaxemb.data.pydocs.installation import PACKAGES, configuration, installed
from jaxemb.data.pydocs.store import (
    VERSION,
    Records,
    built,
    cache_folder,
    write_about,
    write_columns,
)

_KIND = "pydocs"


@dataclass(frozen=True, kw_only=True)
class PyDocs(Source):
    """Documented objects of the standard library and of the numerical packages beside it.

    A record has `name` (qualified), `package`, `module`, `kind` (module, class, function, method,
    property, topic), `summary`, `body` ("" if there is none), `code` (without its docstring),
    `links` and `neighbours` (names), `cluster` (the module of its near-duplicates) and `split`.
    Built once, in about a minute on two cores, into `$JAXEMB_CACHE`. A package that is not
    installed is absent; what is there, with versions, is in the configuration's name.

    `packages` are of the list, or single modules of the standard library.

    Raises:
        UsageError: a package outside the list, an unknown split, a cache that cannot be written.

    Example:
        >>> records = PyDocs(packages=("json",)).records("train")  # doctest: +SKIP
    """

    unfingerprinted = ("packages",)  # `content` says which of them are there

    packages: tuple[str, ...] = PACKAGES

    @property
    def configuration(self) -> str:
        """Packages and versions: `python-3.11.7+numpy-2.4.6+...`, the name of the built folder."""
        found = configuration(self.packages)
        if not installed(self.packages):
            raise UsageError(f"no package of {', '.join(self.packages)} is installed")
        return found

    def prepare(self) -> Path:
        """Build the corpus if it is not in the cache, and give its folder."""
        return built(cache_folder() / "pydocs" / f"{self.configuration}-{VERSION}", self._build)

    def records(self, split: str) -> Sequence[dict[str, Any]]:
        if split not in SPLITS:
            raise UsageError(f"pydocs has no split {split!r}; it has {', '.join(SPLITS)}")
        try:
            return _load(self.prepare() / f"{split}.npz")
        except Damaged as error:
            warn(f"{error} It is built again.")
        except (OSError, ValueError, KeyError, BadZipFile):
            warn(f"{self.prepare()} is damaged: it is built again.")
        discard(self.prepare())
        return _load(self.prepare() / f"{split}.npz")

    def data_source(self, split: str) -> Any:
        """The same records as a `tfds.data_source`: random access to bytes, as Grain reads them."""
        from jaxemb.data.pydocs.builder import builder

        if not self.records(split):
            raise UsageError(f"the split {split!r} of {self.configuration} is empty")
        return builder(str(self.prepare()), self.configuration).as_data_source(split=split)

    def content(self) -> str:
        """Which packages of which versions are there, and the form of what is built from them."""
        return repr((self.configuration, VERSION))

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _build(self, folder: Path) -> None:
        from jaxemb.data.pydocs.builder import prepare
        from jaxemb.data.pydocs.extraction import extract

        records = extract(self.packages)
        with Progress("writing it", len(SPLITS) + 1) as step:
            prepare(str(folder), self.configuration, records)
            step()
            for split in SPLITS:
                chosen = [record for record in records if record["split"] == split]
                write_columns(folder / f"{split}.npz", chosen)
                step()
        counts = {f: Counter(r[f] for r in records) for f in ("package", "kind", "split")}
        write_about(folder, {"configuration": self.configuration, "records": counts})
        seal(folder, _KIND)

    def small(self) -> "PyDocs":
        return replace(self, packages=("email", "optax"))


@lru_cache(maxsize=8)
def _load(file: Path) -> Records:
    check(file.parent, _KIND)
    return Records(file)
