"""What a part's code is: its module and what that imports, by name."""

import importlib
import sys

import pytest

from jaxemb import losses
from jaxemb.config import provenance, sources
from jaxemb.config.sources import closure
from jaxemb.encoders import Bag, Transformer
from jaxemb.fitting import PPMISVD
from jaxemb.training import train

FILES = {
    "__init__.py": "",
    "losses/__init__.py": "from house.losses.base import Loss\nfrom .far import Far\nSIZE = 3\n",
    "losses/base.py": "class Loss: pass\n",
    "losses/far.py": "from house.losses import Loss\n\nclass Far(Loss): pass\n",
    "nn/__init__.py": "from house.nn.attention import attend\nfrom house.nn.train import train\n",
    "nn/attention.py": "def attend(x):\n    return x\n",
    "nn/train.py": "def train(x):\n    return x\n",
    "nn/masks.py": "import house.nn.train as other\n",
    "nets/__init__.py": "from house.nets.bag import Bag\nfrom house.nets.deep import Deep\n",
    "nets/bag.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from house.nets.deep import Deep\n"
        "else:\n    from house.nn import masks\n"
        "class Bag: pass\n"
    ),
    "nets/deep.py": (
        "class Deep:\n    def run(self, x):\n"
        "        from ..nn import attend\n        return attend(x)\n"
    ),
    "own/__init__.py": "from house.own import inner\n",
    "own/inner.py": "SIZE = 4\n",
    "own/user.py": "from house.own import inner\n",
    "nets/counted.py": "from house.losses import SIZE\nfrom house.losses import *\nimport numpy\n",
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package of three rooms; gives the folder of its files."""
    for name, text in FILES.items():
        file = tmp_path / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("house")
    yield tmp_path / "house"
    for name in [name for name in sys.modules if name.partition(".")[0] == "house"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("losses.far", {"losses.base"}),
        ("nets.deep", {"nn.attention"}),
        ("nets.bag", {"nn.masks", "nn.train"}),
        ("nn.attention", set()),
        ("own.user", {"own.inner"}),
        ("nets.counted", {"losses", "losses.base", "losses.far"}),
        ("nets", {"nets.bag", "nets.deep", "nn.attention", "nn.masks", "nn.train"}),
    ],
)
def test_a_module_needs_those_that_define_what_it_imports(house, module, needed):
    found = closure([f"house.{module}"])
    assert found == {f"house.{name}" for name in needed | {module}}


def test_a_new_file_in_a_room_changes_no_code_but_its_own(house):
    modules = ["house.losses.far", "house.nets.deep", "house.losses"]
    before = [sources.code_of([module]) for module in modules]
    (house / "losses" / "near.py").write_text("class Near: pass\n")
    room = house / "losses" / "__init__.py"
    room.write_text(room.read_text() + "from house.losses.near import Near\n")
    after = [sources.code_of([module]) for module in modules]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_code_changes_with_what_is_imported_and_not_with_words_about_it(house):
    before = {name: sources.code_of([f"house.nets.{name}"]) for name in ("bag", "deep")}
    attention = house / "nn" / "attention.py"
    attention.write_text(
        '"""Attends."""\n\n# To all.\ndef attend(x):\n    "Itself."\n    return x\n'
    )
    assert sources.code_of(["house.nets.deep"]) == before["deep"]
    attention.write_text("def attend(x):\n    return 2 * x\n")
    assert sources.code_of(["house.nets.deep"]) != before["deep"]
    assert sources.code_of(["house.nets.bag"]) == before["bag"]


def test_code_from_elsewhere_needs_what_it_imports_of_jaxemb(tmp_path, monkeypatch):
    (tmp_path / "own_network.py").write_text(
        "from jaxemb.encoders import Bag\nclass Own(Bag): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("own_network")
    found = closure(["own_network"])
    assert found == {"own_network"} | closure([Bag.__module__])


# --- jaxemb itself


def test_a_transformer_needs_attention_and_a_bag_does_not():
    training = [train.__module__, "jaxemb.model.embedder"]
    assert "jaxemb.nn.attention" in closure([Transformer.__module__, *training])
    assert "jaxemb.nn.attention" not in closure([Bag.__module__, *training])


def test_a_count_based_table_needs_no_loss():
    found = closure([PPMISVD.__module__])
    assert PPMISVD.__module__ in found
    assert not [name for name in found if name.startswith(losses.__name__)]


def test_a_wrapped_loss_needs_no_other_loss():
    found = closure([losses.Matryoshka.__module__])
    assert losses.Loss.__module__ in found
    assert losses.InfoNCE.__module__ not in found


def test_no_part_needs_what_parts_are_declared_with():
    found = closure(["jaxemb.training"])
    assert not [name for name in found if name.startswith("jaxemb.config") or name == "jaxemb"]


def test_the_code_of_makers_is_that_of_their_modules(monkeypatch):
    code = provenance.code_of_vectors
    assert code([Bag()]) == code([Bag]) == code([Bag, Bag(width=4)]) != code([Bag, train])
    assert provenance.code_of_stages([Bag]) != code([Bag])
    before = code([Bag])
    monkeypatch.setattr(provenance, "versions", lambda: {"jax": "0"})
    assert code([Bag]) != before
