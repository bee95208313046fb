"""Examples in docstrings: those that show a result give it, to the letter."""

import doctest
import functools
import importlib
import pkgutil
import re
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
    "tokens", "vectors", "data",
)  # fmt: skip


@functools.cache
def known() -> dict[str, Any]:
    """What a reader has imported: the arrays' libraries, and parts by their names."""
    import json

    import jax
    import numpy

    names = {
        "jax": jax,
        "jnp": jax.numpy,
        "np": numpy,
        "json": json,
        "jaxemb": jaxemb,
        "recipes": jaxemb.recipes,
    }
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


class AsPrecise(doctest.OutputChecker):
    """Numbers with a decimal point need only agree in the digits that the example writes."""

    NUMBER = re.compile(r"(-?\d+\.\d+)(?:\.\.\.)?")

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = self.NUMBER.findall(want), self.NUMBER.findall(got)
        if len(wanted) == len(found) and all(map(self._agree, wanted, found)):
            want, got = (self.NUMBER.sub("#", text) for text in (want, got))
        return super().check_output(want, got, optionflags)

    @staticmethod
    def _agree(wanted: str, found: str) -> bool:
        digits = len(wanted.partition(".")[2])
        return abs(float(wanted) - float(found)) < 0.5001 * 10**-digits


@pytest.mark.in_turn(120)
@pytest.mark.parametrize("name", modules())
def test_examples_give_what_they_show(name):
    runner, told = doctest.DocTestRunner(AsPrecise(), optionflags=OPTIONS), []
    for one in examples(name):
        if one.name not in OTHERS_BRING:
            runner.run(one, out=told.append)
    assert not runner.failures, "".join(told)


def test_few_examples_are_left_out():
    found = {one.name for name in modules() for one in examples(name)}
    assert found > OTHERS_BRING and len(found) > 200
