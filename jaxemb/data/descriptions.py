"""Texts with more abstract descriptions that fit them, and with ones that are near and do not."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from jaxemb.config import UsageError, fingerprint, hash_of
from jaxemb.config.files import given_path
from jaxemb.data.base import SPLITS, Source
from jaxemb.data.duplicates import split_of
from jaxemb.data.pydocs import PyDocs
from jaxemb.data.tables import Row, read_rows

Record = dict[str, Any]
Word = tuple[str, str]
"""A word and its part of speech."""


@dataclass(frozen=True, kw_only=True)
class OwnerDescriptions(Source):
    """Each documented object with what its class or module is said to be, and what another one is.

    A record has `text`, the object's summary; `description`, that of the class or module which it
    stands in; `misleading`, a list of one: the summary of the nearest other class or module that
    stands where the owner stands; `name` and `module`. Objects without one of them are left out.

    Example:
        >>> OwnerDescriptions(source=PyDocs(packages=("json",))).source
        PyDocs(packages=('json',))
    """

    source: Source = PyDocs()

    def records(self, split: str) -> Sequence[Record]:
        return _owned(self.source, split)

    def fingerprint(self) -> str:
        return fingerprint(self, [self.source.fingerprint()])


@lru_cache(maxsize=4)
def _owned(source: Source, split: str) -> tuple[Record, ...]:
    said = {r["name"]: r["summary"] for r in source.records(split) if r["summary"]}
    owners: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(_owner(name) for name in said):
        if name in said:
            owners[_owner(name)].append(name)
    return tuple(
        {
            "text": said[record["name"]],
            "description": said[owner],
            "misleading": [said[other]],
            "name": record["name"],
            "module": record["module"],
        }
        for record in source.records(split)
        if record["summary"]
        and (owner := _owner(record["name"])) in said
        and (other := _nearest(owners[_owner(owner)], owner, said)) is not None
    )


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _nearest(among: Sequence[str], name: str, said: Mapping[str, str]) -> str | None:
    """The name that stands nearest to another in a list and is said to be something else."""
    place = among.index(name)
    others = (n for n in range(len(among)) if said[among[n]] != said[name])
    found = min(others, key=lambda n: (abs(n - place), n), default=None)
    return None if found is None else among[found]


@dataclass(frozen=True, kw_only=True)
class BroaderMeanings(Source):
    """The definition of a word with that of a broader word, and that of a sibling of the latter.

    In the folder `path`, `definitions` is a table with `word`, `pos`, `definition` and `synonyms`
    (parted by semicolons); `words` is JSONL with sets of synonyms: `pos`, `words`, and `broader`,
    the words of the set above. A word's set is the one that shares most words with its synonyms, and
    at least two of them. A broader word has the meaning that the table gives, which may not be the
    one meant.

    A record has `text`, `description`, `misleading` (a list of one), `name` and `broader`. It falls
    into train, dev and test by a hash of the broader word, so no description is in two splits.

    Raises:
        UsageError: a file is missing or of another form, or there is no such split.

    Example:
        >>> BroaderMeanings(path="definitions").records("test")  # doctest: +SKIP
        [{'text': 'a merchant who sells goods at retail', 'description': ...
    """

    unfingerprinted: ClassVar[tuple[str, ...]] = ("path", "definitions", "words")

    path: str
    definitions: str = "wordnet.tsv.gz"
    words: str = "mythes-synonyms.jsonl.gz"

    def records(self, split: str) -> Sequence[Record]:
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}; splits: {', '.join(SPLITS)}")
        files = self._files()
        changed = tuple(file.stat().st_mtime_ns for file in files if file.exists())
        return [r for r in _meanings(*files, changed) if split_of(r["broader"]) == split]

    def content(self) -> str:
        return "".join(map(hash_of, self._files()))

    def fingerprint(self) -> str:
        return fingerprint(self)

    def _files(self) -> tuple[Path, Path]:
        folder = given_path(self.path)
        return folder / self.definitions, folder / self.words


_POS = {"adj": "adjective", "adv": "adverb"}


@lru_cache(maxsize=2)
def _meanings(definitions: Path, words: Path, changed: tuple[int, ...]) -> tuple[Record, ...]:
    known = {(row["word"], row["pos"]): row for row in reversed(read_rows(definitions))}
    above = dict(_broader(known, read_rows(words)))
    below: dict[Word, list[Word]] = defaultdict(list)
    for word, broader in above.items():
        below[broader].append(word)
    found = []
    for word, broader in above.items():
        siblings = below[above[broader]] if broader in above else []
        other = next((s for s in siblings if s not in (broader, word)), None)
        if other is not None:
            said = [known[one]["definition"] for one in (word, broader, other)]
            found.append(
                {"text": said[0], "description": said[1], "misleading": [said[2]],
                 "name": word[0], "broader": broader[0], "module": ""}
            )  # fmt: skip
    return tuple(found)


def _broader(known: Mapping[Word, Row], sets: Sequence[Row]) -> Iterator[tuple[Word, Word]]:
    """Words with a definition, each with a broader one that has a definition too."""
    by_word: dict[Word, list[Row]] = defaultdict(list)
    for row in sets:
        for word in row["words"]:
            by_word[word, _POS.get(row["pos"], row["pos"])].append(row)
    for (word, pos), row in known.items():
        synonyms = {word, *(s.strip() for s in str(row.get("synonyms") or "").split(";"))}
        shared = [(len(synonyms & set(one["words"])), one) for one in by_word[word, pos]]
        most, best = max(shared, key=lambda pair: pair[0], default=(0, {}))
        names = best.get("broader", ()) if most >= 2 else ()
        found = next(((n, pos) for n in names if (n, pos) in known and n != word), None)
        if found is not None:
            yield (word, pos), found
