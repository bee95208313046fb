"""The smallest real experiment, and calls that run it."""

import dataclasses
from pathlib import Path

from jaxemb import arm, recipes
from jaxemb.study import Better, execution
from jaxemb.study.controls import RandomVectors
from jaxemb.study.execution import Named, Options
from jaxemb.study.specification import Experiment

FILE = str(Path(__file__).with_name("toy_experiment.py"))


def experiment(**changes):
    """Two arms and two seeds of the smallest real recipe."""
    from jaxemb.evaluation import STS, Retrieval

    base = dataclasses.replace(recipes.pair_retriever(), evaluation=(Retrieval(), STS()))
    given = dict(
        base=base,
        arms=(arm("mean", pooling="mean"), arm("max", pooling="max")),
        claims=(Better("retrieval/ndcg@10", "mean", than="max"),),
        controls=(RandomVectors(dim=8),),
        seeds=(0, 1),
        tuning=None,
    )
    return Experiment(**{**given, **changes})


def named(**changes):
    from jaxemb.study.smoke import smoke

    small = experiment(**changes)
    toy = dataclasses.replace(smoke(small), seeds=small.seeds, tuning=small.tuning)
    return Named(name="toy", file=FILE, papers=(), experiment=toy)


def run(folder, events=None, jobs=1, **changes):
    keep = [] if events is None else events
    options = Options(runs=folder, jobs=jobs, **changes.pop("options", {}))
    return execution.run(named(**changes), options, keep.append)


def folders(folder):
    return sorted(path.parent for path in folder.glob("toy/small/*/seed-*/run.json"))


def jobs(options, **changes):
    one = named(**changes)
    return execution.jobs_of(one, options, *execution.prepare(one, options))
