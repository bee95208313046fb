"""Fingerprints change when what parts make would, and only then."""

import dataclasses
import hashlib

import pytest

from jaxemb import config
from jaxemb.config import Part, UsageError, fingerprint, hash_of, override, paths, resolve, tag
from tests.config.given import Goal, LatentOnes, Near, Phase, Place, Scaled, Whole


def test_fingerprint_sees_every_field_but_the_ones_left_out(whole):
    first = fingerprint(whole)
    assert len(first) == 64 and int(first, 16) >= 0
    assert fingerprint(dataclasses.replace(whole, place=Place(devices=8))) == first
    for node in ("seed", "latents", "train.goal.temperature", "goals.0.dims"):
        value = paths(whole)[resolve(whole, node)]
        changed = (9,) if isinstance(value, tuple) else value + 1
        assert fingerprint(override(whole, node, changed)) != first


def _canonical(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_fingerprint_is_stable():
    # A change of the canonical form orphans every finished run.
    entry = Near(temperature=0.25, dims=(1, 2))
    canonical = f'[{{"dims":[1,2],"part":"{tag(Near)}","temperature":0.25}},{{"a":1}}]'
    assert fingerprint(entry, {"a": 1}) == _canonical(canonical)


def test_fingerprint_of_tuples_nothing_and_extras():
    assert fingerprint((Near(), Near())) != fingerprint(Near(), Near())
    assert fingerprint(None) != fingerprint(Near())
    assert fingerprint(Near(), "data") != fingerprint(Near(), "other data")


def test_fields_at_their_default_are_left_out_at_every_depth():
    assert fingerprint(Whole()) == _canonical(f'[{{"part":"{tag(Whole)}"}}]')
    deep = Scaled(inner=Scaled(inner=Near(), weight=1))
    inner = f'{{"inner":{{"part":"{tag(Near)}"}},"part":"{tag(Scaled)}"}}'
    assert fingerprint(deep) == _canonical(f'[{{"inner":{inner},"part":"{tag(Scaled)}"}}]')
    assert fingerprint(Phase(goal=Near(temperature=0.5))) == fingerprint(Phase())
    assert fingerprint(Phase(goal=Near(temperature=0.6))) != fingerprint(Phase())


def _class(fields: list, **namespace) -> type:
    """A class of one tag, whatever fields it has: a class as it was, and as it is."""
    cls = dataclasses.make_dataclass(
        "Grown", fields, bases=(Goal,), namespace=namespace, frozen=True, kw_only=True
    )
    cls.__module__, cls.__qualname__ = __name__, "Grown"
    return cls


def test_a_new_field_with_a_default_changes_no_fingerprint():
    old = _class([("size", int)])
    new = _class([("size", int), ("share", float, 0.5)])
    assert fingerprint(old(size=3)) == fingerprint(new(size=3))
    assert fingerprint(new(size=3)) != fingerprint(new(size=3, share=0.25))


def test_a_default_that_changes_is_told_while_the_first_one_stays_left_out():
    old = _class([("share", float, 0.5)])
    new = _class([("share", float, 0.25)], first_defaults={"share": 0.5})
    assert fingerprint(new(share=0.5)) == fingerprint(old())
    assert fingerprint(new()) == fingerprint(old(share=0.25)) != fingerprint(old())


def test_a_rename_changes_no_fingerprint(monkeypatch):
    before = fingerprint(Phase(goal=Near(temperature=0.25)))
    monkeypatch.setitem(config.RENAMED, "someones:Close", tag(Near))
    monkeypatch.setitem(config.RENAMED, f"{tag(Near)}.tau", f"{tag(Near)}.temperature")
    goal = '{"part":"someones:Close","tau":0.25}'
    after = fingerprint(Phase(goal=Near(temperature=0.25)))
    assert after == _canonical(f'[{{"goal":{goal},"part":"{tag(Phase)}"}}]')
    monkeypatch.setitem(config.RENAMED, "someones:Nearest", tag(Near))
    assert fingerprint(Phase(goal=Near(temperature=0.25))) == after != before


def test_equal_numbers_of_other_types_are_told_apart():
    mixed = _class([("flag", bool | int, 1)])
    assert len({fingerprint(mixed(flag=value)) for value in (1, True, 0, False)}) == 4


def test_what_is_left_out_of_a_fingerprint_is_so_in_defaults_too():
    outer = _class([("whole", Whole, Whole())])
    elsewhere = Whole(place=Place(devices=8))
    assert fingerprint(outer(whole=elsewhere)) == fingerprint(outer())
    assert fingerprint(outer(whole=Whole(reader=LatentOnes(latents=9)))) != fingerprint(outer())


# --- files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read(Part):
    files = ("path", "more")

    path: str = "words.txt"
    more: str | None = None
    lower: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found(Part):
    unfingerprinted = ("pattern",)

    pattern: str

    def content(self):
        return hash_of(self.pattern.replace("*", "a"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reads(Part):
    source: Read = Read()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.txt", "words"), ("b.txt", "words"), ("c.txt", "others")):
        (tmp_path / name).write_text(text)
    (tmp_path / "words.txt").write_text("words")
    return tmp_path


def test_a_part_that_reads_a_file_tells_its_content_and_not_its_place(folder):
    prints = [fingerprint(Reads(source=Read(path=f"{name}.txt"))) for name in "abc"]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint(Read(path="a.txt", lower=True)) != fingerprint(Read(path="a.txt"))
    assert fingerprint(Read(path="a.txt", more="c.txt")) != fingerprint(Read(path="a.txt"))
    swapped = Read(path="c.txt", more="a.txt")
    assert fingerprint(Read(path="a.txt", more="c.txt")) != fingerprint(swapped)
    assert fingerprint(Found(pattern="*.txt")) == fingerprint(Found(pattern=f"{folder}/*.txt"))
    with pytest.raises(UsageError, match=r"the file words.csv does not exist"):
        fingerprint(Reads(source=Read(path="words.csv")))


def test_the_content_of_a_file_is_told_though_its_part_is_the_default(folder):
    before = fingerprint(Reads())
    assert fingerprint(Reads()) == before
    (folder / "words.txt").write_text("other words")
    assert fingerprint(Reads()) != before


def test_a_file_is_hashed_once_while_it_stays_the_same(folder, monkeypatch):
    first = hash_of(folder / "a.txt")
    assert first == hashlib.sha256(b"words").hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert hash_of(folder / "a.txt") == first
    with pytest.raises(TypeError):
        hash_of(folder / "c.txt")


def test_a_folder_is_its_files_and_their_names(folder):
    before = hash_of(folder)
    (folder / "a.txt").rename(folder / "d.txt")
    renamed = hash_of(folder)
    (folder / "below").mkdir()
    assert hash_of(folder) == renamed != before
    (folder / "below" / "e.txt").write_text("")
    assert hash_of(folder) != renamed
