"""Examples in docstrings: those that show a result give it, to the letter."""

import doctest
import functools
import importlib
import pkgutil
from typing import Any

import pytest

import jaxemb
from tests.exports import exports

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# What these do is shown on things of the reader's: a run's folder, a table of scores, a model.
OTHERS_BRING = {
    "jaxemb.vectors.cache.EmbeddingCache",
    "jaxemb.statistics.arms.compare",
    "jaxemb.statistics.joining.joined",
    "jaxemb.model.model.Model",
    "jaxemb.report.report",
}
PARTS = (
    "encoders", "evaluation", "fitting", "heads", "losses", "nn", "pooling", "statistics", "text",
    "tokens", "vectors",
)  # fmt: skip


@functools.cache
def known() -> dict[str, Any]:
    """What a reader has imported: the arrays' libraries, and parts by their names."""
    import json

    import jax
    import numpy

    names = {"jax": jax, "jnp": jax.numpy, "np": numpy, "json": json, "jaxemb": jaxemb}
    for package in PARTS:
        names |= exports(package)
    return names


def modules() -> list[str]:
    found = (module.name for module in pkgutil.walk_packages(jaxemb.__path__, "jaxemb."))
    return [name for name in found if not name.rpartition(".")[2].startswith("_")]


def examples(name: str) -> list[doctest.DocTest]:
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = finder.find(module, name, globs=known() | vars(module))
    return [one for one in found if any(example.want for example in one.examples)]


@pytest.mark.parametrize("name", modules())
def test_examples_give_what_they_show(name):
    runner, told = doctest.DocTestRunner(optionflags=OPTIONS), []
    for one in examples(name):
        if one.name not in OTHERS_BRING:
            runner.run(one, out=told.append)
    assert not runner.failures, "".join(told)


def test_few_examples_are_left_out():
    found = {one.name for name in modules() for one in examples(name)}
    assert found > OTHERS_BRING and len(found) > 200
