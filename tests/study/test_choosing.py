"""A template is chosen on the development split, whatever the test split says."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxemb import ChooseTemplate
from jaxemb.config import UsageError
from jaxemb.evaluation import STS, PairData
from jaxemb.evaluation.problems import PairProblem
from jaxemb.model import Embedding
from jaxemb.text import Asking, Demonstration, Template
from jaxemb.training import Context
from tests import toy

TEXTS = ["sort a list", "open the file", "join two strings", "a toy", "read", "write it"]
POOL = tuple(
    Asking(before="of ", after=" is", demonstrations=(Demonstration(sentence=s, word=w),))
    for s, w in (("a", "b"), ("toy", "list"), ("read a file", "open"))
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grades(PairData):
    """Pairs of the texts above; the grades of a split are drawn by `seed` and the split's name."""

    split: str = "test"
    seeds: tuple[int, int] = (0, 0)

    def load(self) -> PairProblem:
        seed = self.seeds[self.split == "test"]
        gold = np.random.default_rng([seed, self.split == "test"]).normal(size=15)
        a, b = np.triu_indices(6, 1)
        return PairProblem(
            [TEXTS[n] for n in a], [TEXTS[n] for n in b], gold, np.arange(15, dtype=np.int32)
        )


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXEMB_CACHE", str(tmp_path))
    made = toy.model()
    text = dataclasses.replace(made.embedder.text, max_tokens=48)
    network = dataclasses.replace(made.embedder, text=text)
    tokenizer = text.train([" ".join(TEXTS), "of this is b. list"])
    return dataclasses.replace(
        made, embedder=network, tokenizer=tokenizer, params=network.init(jax.random.key(0))
    )


def chosen(model, *seeds):
    stage = ChooseTemplate(templates=POOL, task=STS(data=Grades(seeds=seeds)))
    return stage.run(model, Context(key=jax.random.key(0))).embedder.text.template


def test_the_best_on_dev_is_kept(model):
    for seed in range(3):
        task = STS(data=Grades(split="dev", seeds=(seed, 9)))
        scores = []
        for template in POOL:
            text = dataclasses.replace(model.embedder.text, template=template)
            own = dataclasses.replace(model.embedder, text=text)
            written = dataclasses.replace(model, embedder=own)
            scores.append(task.run(Embedding(written)).metrics["spearman"])
        assert chosen(model, seed, 9) == POOL[int(np.argmax(scores))]
        assert chosen(model, seed, 9) == chosen(model, seed, 77), "other grades of the test split"
    assert len({chosen(model, seed, 0) for seed in range(8)}) > 1


def test_what_it_reads_is_fingerprinted():
    stage = ChooseTemplate(templates=(Template(),), task=STS(data=Grades()))
    assert stage.data == Grades(split="dev") and not stage.learns
    with pytest.raises(UsageError, match="at least one template"):
        ChooseTemplate(templates=(), task=STS())
