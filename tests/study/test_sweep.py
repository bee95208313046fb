"""Arms, grids, their names, and their expansion over a base."""

import dataclasses
import subprocess

import pytest

from jaxemb.config import Part, UsageError, resolve
from jaxemb.study.arms import LONGEST_NAME, Arm, arm, chain, grid, path_safe, zip_
from jaxemb.study.expansion import expand
from jaxemb.study.slurm import slurm_script
from jaxemb.study.sweep import assignment, fixed, split_values, swept


class Reader(Part):
    """Slot."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mean(Reader):
    pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class Latent(Reader):
    latents: int = 4
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded(Reader):
    weights: str

    @property
    def label(self) -> str:
        return self.weights


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base(Part):
    reader: Reader = Mean()
    other: Reader = Latent()
    layers: int = 2
    rate: float = 0.5
    dims: tuple[int, ...] = (8,)
    title: str = ""


def names(arms):
    return [one.name for one in arms]


# --- arms and grids


def test_an_arm_takes_suffixes_and_dotted_keys_in_order():
    one = arm("a", {"other.latents": 8}, reader=Mean(), layers=3)
    assert one.overrides == (("other.latents", 8), ("reader", Mean()), ("layers", 3))
    assert one.described() == {"other.latents": 8, "reader": "mean", "layers": 3}
    assert one.sets("latents") and one.sets("reader") and not one.sets("other")


def test_described_keeps_numbers_and_writes_parts_as_typed():
    one = arm("a", reader=Latent(latents=2), dims=(1, 2), title="x y", rate=None)
    assert one.described() == {
        "reader": "latent(latents=2)", "dims": "(1, 2)", "title": "x y", "rate": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "a/b", "a b", ".hidden", "..", "x" * 81, "a\n", "-x"])
def test_a_name_that_is_no_folders_is_refused(name):
    with pytest.raises(UsageError, match="cannot be an arm's name"):
        arm(name)


def test_grid_crosses_the_last_axis_fastest():
    arms = grid(reader=(Mean(), Latent(latents=2)), layers=(1, 2))
    assert names(arms) == [
        "reader=mean,layers=1", "reader=mean,layers=2",
        "reader=latent-latents=2,layers=1", "reader=latent-latents=2,layers=2",
    ]  # fmt: skip
    assert arms[3].overrides == (("reader", Latent(latents=2)), ("layers", 2))


def test_grid_takes_dotted_keys_labels_and_arms():
    arms = grid({"other.latents": (1, 2)}, reader={"short": Mean(), "long": Latent(latents=99)})
    assert names(arms)[0] == "other.latents=1,reader=short"
    paired = grid(zip_(layers=(1, 2), rate=(0.1, 0.2)), title=("x",))
    assert names(paired) == ["layers=1,rate=0.1,title=x", "layers=2,rate=0.2,title=x"]


def test_a_parts_label_names_its_arm():
    assert names(grid(reader=(Loaded(weights="MiniLM-L6"),))) == ["reader=MiniLM-L6"]


def test_grids_of_nothing():
    assert grid() == ()
    with pytest.raises(UsageError, match="axis layers has no values"):
        grid(layers=())


def test_zip_pairs_values():
    assert names(zip_(layers=(1, 2), rate=(0.1, 0.2))) == ["layers=1,rate=0.1", "layers=2,rate=0.2"]
    with pytest.raises(UsageError, match="2, 3"):
        zip_(layers=(1, 2), rate=(1, 2, 3))


def test_chain_joins_groups_and_arms():
    arms = chain(grid(layers=(1, 2)), arm("own", rate=0.1), zip_(rate=(0.3,)))
    assert names(arms) == ["layers=1", "layers=2", "own", "rate=0.3"]
    with pytest.raises(UsageError, match="named 'layers=1'"):
        chain(grid(layers=(1,)), grid(layers=(1,)))


@pytest.mark.parametrize("values", [3, "ab", Mean()])
def test_an_axis_needs_several_values(values):
    with pytest.raises(UsageError, match="axis reader needs a tuple of values"):
        grid(reader=values)


def test_a_key_twice_is_refused():
    with pytest.raises(UsageError, match="Two axes set layers"):
        grid({"layers": (1,)}, layers=(2,))


def test_equal_values_are_refused():
    with pytest.raises(UsageError, match="Two arms are named"):
        grid(layers=(1, 1))


def test_values_that_read_alike_are_told_apart():
    arms = grid(title=("a b", "ab"))
    assert len(set(names(arms))) == 2
    assert all(name.startswith("title=ab-") for name in names(arms))


def test_long_names_are_cut_and_stay_distinct():
    words = ["word" * 30 + end for end in "xy"]
    arms = grid(title=tuple(words))
    assert [len(name) for name in names(arms)] == [LONGEST_NAME] * 2
    assert len(set(names(arms))) == 2


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("reader=latent(latents=2, note='x')", "reader=latent-latents=2,note=x"),
        ("a/b\\c:d", "a-b-c-d"), ("dims=(1, 2)", "dims=-1,2"), ("..a", "a"), ("é", ""),
    ],
)  # fmt: skip
def test_path_safe(name, safe):
    assert path_safe(name) == safe
    assert path_safe(safe) == safe


# --- expansion


def test_expand_overrides_every_arm_and_leaves_the_base():
    base = Base()
    arms = (arm("a", reader=Latent()), arm("b", reader=Mean()))
    recipes = [recipe for _, recipe in expand(base, arms, [("rate", "0.25"), ("layers", 5)])]
    assert recipes == [Base(reader=Latent(), rate=0.25, layers=5), Base(rate=0.25, layers=5)]
    assert base == Base()


@pytest.mark.parametrize("key", ["reader", "Base.reader", "rader"])
def test_overriding_what_an_arm_sets_is_an_error(key):
    with pytest.raises(UsageError) as caught:
        expand(Base(), (arm("a", reader=Latent()),), [(key, "mean")])
    if key == "reader":
        assert "reader is what the arm a sets" in str(caught.value)
        assert "jaxemb sweep NAME reader=" in str(caught.value)


def test_the_same_key_under_another_name_is_found_out():
    nested = arm("a", {"other.latents": 3})
    with pytest.raises(UsageError, match="latents is what the arm a sets"):
        expand(Base(), (nested,), [("latents", "5")])


def test_an_override_inside_a_slot_that_an_arm_replaces_refines_the_arm():
    arms = (arm("a", other=Latent(latents=9)),)
    ((_, recipe),) = expand(Base(), arms, [("other.note", "mine")])
    assert recipe.other == Latent(latents=9, note="mine")


def test_an_override_of_a_field_that_only_the_arms_part_has():
    ((_, recipe),) = expand(Base(), (arm("a", reader=Latent()),), [("reader.latents", "7")])
    assert recipe.reader == Latent(latents=7)
    with pytest.raises(UsageError, match="Arm b: Mean .* has no field 'latents'"):
        expand(Base(), (arm("b", reader=Mean()),), [("reader.latents", "7")])


def test_an_override_of_a_slot_comes_before_an_arms_refinement():
    ((_, recipe),) = expand(
        Base(), (arm("a", {"other.latents": 3}),), [("other", "latent(note='n')")]
    )
    assert recipe.other == Latent(latents=3, note="n")


def test_faults_in_an_arm_name_it():
    with pytest.raises(UsageError, match="Arm a: There is no field 'laters'; nearest: layers"):
        expand(Base(), (arm("a", laters=3),))


# --- as typed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a.b", "c=d"), ("evaluation.retrieval@layers=1,dim=16.layers", "2"),
        ("retrieval@layers=1,dim=16.inner.data.queries", "5,6"),
        ("evaluation.retrieval@layers=1,dim=16", "at(inner=sts, dim=8)"),
        ("evaluation.retrieval@dev", "during(inner=retrieval, every=2)"),
        ("sts@paraphrased.runs", "3"), ("stages.0.data.path", "me@home=here.txt"),
        ("loss", "matryoshka(inner=info_nce,dims=(32,64))"), ("0.name", "x"),
    ],
)  # fmt: skip
def test_any_key_can_be_typed(key, value):
    assert assignment(f"{key}={value}") == (key, value)


def test_assignment():
    assert assignment(" a = b ") == ("a", "b")
    for bad in ("a", "=x", "a=", ""):
        with pytest.raises(UsageError, match="write key=value"):
            assignment(bad)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]),
        ("f(x=1,y=2),g", ["f(x=1,y=2)", "g"]), ("(1,2),[3,4]", ["(1,2)", "[3,4]"]),
        ("'a,b',c", ["'a,b'", "c"]), ('f(x="),("),g', ['f(x="),(")', "g"]),
    ],
)  # fmt: skip
def test_values_are_cut_at_top_level_commas(text, values):
    assert split_values(text) == values


@pytest.mark.parametrize("text", ["a,", ",a", "a,,b", "f(x", "'a", ")a("])
def test_values_that_cannot_be_cut(text):
    with pytest.raises(UsageError):
        split_values(text)


def test_run_refuses_a_list_and_suggests_sweep():
    assert fixed(["a=1", "b=f(x=1,y=2)", "c=(1,2)"]) == (
        ("a", "1"),
        ("b", "f(x=1,y=2)"),
        ("c", "(1,2)"),
    )
    with pytest.raises(UsageError, match="use: jaxemb sweep NAME a=1,2"):
        fixed(["a=1,2"])


def test_sweep_crosses_axes_and_names_values_as_they_are():
    arms = swept(Base(), ["reader=mean,latent(latents=1)", "rate=1e-1,0.50"])
    assert names(arms)[0] == "reader=mean,rate=0.1"
    assert arms[-1] == Arm(
        "reader=latent-latents=1,rate=0.5", (("reader", Latent(latents=1)), ("rate", 0.5))
    )


def test_what_is_constant_in_a_sweep_is_in_no_name():
    arms = swept(Base(), ["title=y", "layers=1,2", "rate=0.5"])
    assert names(arms) == ["layers=1", "layers=2"]
    assert arms[1].overrides == (("title", "y"), ("layers", 2), ("rate", 0.5))
    assert names(swept(Base(), ["layers=2", "rate=0.5"])) == ["layers=2,rate=0.5"]


def test_sweep_sees_tuples_and_bad_values():
    assert [dict(a.overrides)["dims"] for a in swept(Base(), ["dims=(1,2),(3,)"])] == [(1, 2), (3,)]
    with pytest.raises(UsageError, match="rate takes a finite number"):
        swept(Base(), ["rate=0.1,fast"])
    with pytest.raises(UsageError, match="no field 'depth'; nearest: layers"):
        swept(Base(), ["depth=1,2"])
    with pytest.raises(UsageError, match="layers is given twice"):
        swept(Base(), ["layers=1", "layers=2"])
    with pytest.raises(UsageError, match="given twice"):
        swept(Base(), ["rate=0.1", f"{resolve(Base(), 'rate')}=0.2"])


# --- SLURM


def test_slurm_script_runs_each_command_with_its_arguments(tmp_path):
    commands = [["printf", "%s|", "a b", "it's", "$HOME"], ["printf", "second"]]
    script = tmp_path / "job.sh"
    script.write_text(slurm_script(commands, name="x", hours=12))
    text = script.read_text()
    assert "--array=0-1\n" in text and "--time=12:00:00" in text
    for task, expected in (("0", "a b|it's|$HOME|"), ("1", "second")):
        done = subprocess.run(
            ["bash", str(script)], env={"SLURM_ARRAY_TASK_ID": task, "PATH": "/bin:/usr/bin"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout == expected


def test_slurm_script_of_nothing():
    with pytest.raises(UsageError, match="no arms"):
        slurm_script([], name="x")
