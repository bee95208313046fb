"""What the README and the pages say is so: commands parse, code runs, links lead somewhere."""

import json
import re
import shlex
from pathlib import Path

import pytest

from jaxemb.cli.main import main, parser
from jaxemb.cli.parts import parts_of, slots
from jaxemb.config import UsageError, fingerprint, override
from jaxemb.study import papers, registry
from tests.exports import exports

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN = ("README.md", "experiments.md", "extending.md", "python.md", "command_line.md", "index.md")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands() -> list[tuple[str, str]]:
    """Every `jaxemb ...` in a shell block, without what stands before it."""
    return [
        (page.name, piece[piece.index("jaxemb ") :])
        for page in PAGES
        for block in blocks(page, "sh")
        for line in block.splitlines()
        for piece in line.split(" && ")
        if re.match(r"(\w+=\S* )*jaxemb ", piece)
    ]


def defined() -> set[str]:
    """Experiments that a page writes out."""
    text = "".join(block for page in PAGES for block in blocks(page, "python"))
    return set(re.findall(r"@experiment\([^)]*\)+\ndef (\w+)", text))


@pytest.mark.parametrize(("page", "command"), commands())
def test_commands_are_accepted(page, command):
    words = shlex.split(command)[1:]
    runs = [word for word in words if word.startswith("runs/")]
    options, rest = parser().parse_known_args(words)
    assert not [word for word in rest if word.startswith("-")]
    name = getattr(options, "name", None)
    if name and name != "NAME":
        assert name in registry.discover().entries or name in defined()
    assert all(len(Path(run).parts) in (4, 5) for run in runs), "runs/<experiment>/<scale>/<arm>"


def test_the_readme_has_its_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "\npip install -e . && jaxemb run pooling_and_attention\n" in text
    assert '\npip install -e ".[test]" && pytest\n' in text
    assert '\npip install --quiet --disable-pip-version-check -e ".[test]"\n' in (
        (ROOT / ".ci/run").read_text()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, section = target.partition("#")
        if "://" in file:
            continue
        found = page.parent / file if file else page
        assert found.exists(), target
        assert not section or section in sections(found), target


def sections(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_the_parts_in_the_tables_of_the_pages_are_there():
    """The pages explain a choice of parts; `jaxemb parts` lists all of them, found by itself."""
    known = {cls.__name__ for parts in slots().values() for cls in parts.values()}
    cells = [
        (page.name, cell)
        for page in PAGES
        for cell in re.findall(
            r"^\| (`[A-Z].*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    named = {(page, name) for page, cell in cells for name in re.findall(r"`([A-Z]\w+)\(", cell)}
    assert len(named) > 30
    assert not [(page, name) for page, name in sorted(named) if name not in known]


def test_every_slot_of_the_pages_has_its_parts_listed():
    listed = slots()
    assert {"pooling", "loss", "task", "claim", "control", "view", "optimizer"} <= listed.keys()
    assert {cls for parts in listed.values() for cls in parts.values()} >= {
        cls
        for cls in exports("losses").values()
        if isinstance(cls, type) and issubclass(cls, exports("losses")["Loss"])
        and "__call__" in vars(cls) and cls.__subclasses__() == []
    }  # fmt: skip
    summaries = parts_of("pooling")
    assert summaries.keys() == listed["pooling"].keys() and all(summaries.values())


def test_every_experiment_with_a_record_has_its_row():
    """`run --record` writes the page; a record that stands elsewhere does not change it."""
    rows = (ROOT / "docs/papers.md").read_text(encoding="utf-8").splitlines()
    named = {row["number"]: row["experiment"] for row in papers.table(registry.own())}
    told = {entry.name for entry in registry.own() if entry.records}
    for number, name in named.items():
        (row,) = [row for row in rows if row.startswith(f"| {number} |")]
        assert name not in told or f"| `{name}` |" in row


def test_recording_renews_the_page_of_its_checkout(tmp_path, monkeypatch):
    folder = tmp_path / "experiments"
    folder.mkdir()
    entry = registry.Entry(name="mine", path=folder / "mine.py", theme="t", papers=(2,), doc="")
    monkeypatch.setattr(registry, "own_folder", lambda: [folder])
    monkeypatch.setattr(registry, "own", lambda: [entry])
    assert papers.renew_page(entry) is None, "a checkout without documentation"
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/papers.md").write_text("old")
    assert papers.renew_page(entry) == tmp_path / "docs/papers.md"
    text = (tmp_path / "docs/papers.md").read_text(encoding="utf-8")
    assert "| `mine` |" in text and text.startswith("# Papers")


@pytest.mark.parametrize("page", ["README.md", "docs/experiments.md", "docs/interop.md"])
def test_experiments_on_the_pages_are_sound(page, tmp_path, capsys):
    """Each is found in a folder of the reader's own, and its arms are built and checked."""
    found = [block for block in blocks(ROOT / page, "python") if "@experiment" in block]
    for block in found:
        name = re.search(r"\ndef (\w+)", block)[1]
        (tmp_path / f"{name}.py").write_text(block)
        assert main(["show", name, "--experiments", str(tmp_path)]) == 0
        assert "Claims" in capsys.readouterr().out
    assert found


def test_other_code_on_the_experiments_page_runs():
    for block in blocks(ROOT / "docs/experiments.md", "python"):
        if "@experiment" not in block:
            exec(compile(block, "experiments.md", "exec"), {})


def test_code_on_the_statistics_page_runs():
    needs_results, *others = blocks(ROOT / "docs/statistics.md", "python")
    assert "results_a" in needs_results
    space = {}
    for block in others:
        exec(compile(block, "statistics.md", "exec"), space)
    found = space["statistics"].friedman(space["scores"])
    assert space["statistics"].letters(found.groups, models=4) == ["b", "b", "b", "a"]


def test_the_part_on_the_page_works(tmp_path, monkeypatch, capsys):
    part, use, *_ = blocks(ROOT / "docs/extending.md", "python")
    (tmp_path / "my_parts.py").write_text(part)
    (tmp_path / "my_experiments").mkdir()
    (tmp_path / "my_experiments/norm_pooling.py").write_text(use)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = ["--experiments", str(tmp_path / "my_experiments")]
    assert main(["show", "norm_pooling", *folder]) == 0
    assert "norm_weighted_mean(power=2.0)" in capsys.readouterr().out
    axis = "pooling=mean,norm_weighted_mean(power=3.0)"
    assert main(["sweep", "norm_pooling", axis, "--dry-run", *folder]) == 0
    assert "norm_weighted_mean(power=3.0)" in capsys.readouterr().out


def test_the_part_on_the_page_pools_as_it_says(tmp_path):
    import jax.numpy as jnp
    import numpy as np

    space = {}
    exec(compile(blocks(ROOT / "docs/extending.md", "python")[0], "extending.md", "exec"), space)
    states = np.random.default_rng(0).normal(size=(2, 1, 4, 3)).astype(np.float32)
    mask = np.array([[True, True, True, False]])
    pooled = space["NormWeightedMean"](power=2.0).apply({}, jnp.array(states), jnp.array(mask))
    tokens = states[-1, 0, :3]
    weights = np.linalg.norm(tokens, axis=1) ** 2
    np.testing.assert_allclose(pooled[0], weights @ tokens / weights.sum(), rtol=1e-5)


def test_what_a_class_says_of_its_fields_holds(tmp_path):
    """Word for word, as the page on new parts has it."""
    space = {}
    exec(compile(blocks(ROOT / "docs/extending.md", "python")[2], "extending.md", "exec"), space)
    lookup = space["Lookup"]
    for name, text in (("a", "word"), ("b", "word"), ("c", "other")):
        (tmp_path / name).write_text(text)
    a, b, c = (fingerprint(lookup(path=str(tmp_path / name))) for name in "abc")
    assert a == b != c
    assert fingerprint(lookup(path=str(tmp_path / "a"), threads=4)) == a
    assert fingerprint(lookup(path=str(tmp_path / "a"), share=1.0)) != a
    with pytest.raises(UsageError, match="layers takes a whole number of at least 1, not 0"):
        lookup(path="a", layers=0)
    with pytest.raises(UsageError, match="share takes a finite number from 0 to 1, not 2"):
        override(lookup(path="a"), "share", 2)


def test_the_pages_on_python_run(tmp_path, monkeypatch):
    """Word for word, on a toy-sized recipe in the place of the real one."""
    from jaxemb import recipes
    from jaxemb.study.stages import run_stages

    toy = recipes.pair_retriever().small()
    monkeypatch.setattr(recipes, "pair_retriever", lambda: toy)
    monkeypatch.chdir(tmp_path)
    model = run_stages(toy)
    model.save("my-model")
    Path("corpus.txt").write_text("join two lists\nopen a file\n")
    space = {}
    for block in blocks(ROOT / "docs/python.md", "python"):
        exec(compile(block, "python.md", "exec"), space)
    model.save("runs/pooling_and_attention/small/bidirectional-layers-00000000/seed-0/model")
    Path("my-model").rename("other")
    first = blocks(ROOT / "README.md", "python")[0].replace("dim=32", "dim=8")
    exec(compile(first, "README.md", "exec"), {})


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    notebook = json.loads((ROOT / "docs/from_your_files.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    space = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "from_your_files.ipynb", "exec"), space)
    assert "both folders give the same vectors" in capsys.readouterr().out
