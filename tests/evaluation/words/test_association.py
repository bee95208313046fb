"""Association tests against their formula and all partitions."""

import itertools

import numpy as np
import pytest

from jaxemb.config import UsageError
from jaxemb.evaluation import Association, AssociationFile, association_tests
from jaxemb.evaluation.words.association import effect_size
from tests.evaluation.words.word_sets import RNG, constant, cos, model, of, weat


def test_association_is_its_formula_and_p_counts_all_partitions(write):
    data, row = weat(write)
    embed = model()
    sets = {name: of(embed, *row[name]["examples"]) for name in row}
    s = {
        name: np.array(
            [
                np.mean([cos(w, a) for a in sets["attr1"]])
                - np.mean([cos(w, b) for b in sets["attr2"]])
                for w in sets[name]
            ]
        )
        for name in ("targ1", "targ2")
    }
    both = np.concatenate([s["targ1"], s["targ2"]])
    seen = s["targ1"].sum() - s["targ2"].sum()
    splits = [both[list(x)].sum() for x in itertools.combinations(range(10), 5)]
    p = np.mean([2 * part - both.sum() >= seen - 1e-7 for part in splits])
    expected = {"effect_size": (s["targ1"].mean() - s["targ2"].mean()) / both.std(ddof=1), "p": p}
    assert Association(data=data).run(embed).metrics == pytest.approx(expected, abs=1e-4)
    sampled = Association(data=data, permutations=200).run(embed).metrics["p"]
    assert abs(sampled - p) < 0.15 and sampled > 0
    assert association_tests(data.path) == ["one", "other"]
    with pytest.raises(UsageError, match="one, other"):
        AssociationFile(path=data.path, test="two").load()


def test_associations_that_are_complete_or_absent(write):
    data, row = weat(write, sizes=(5, 5, 4, 4))
    biased = {
        word: np.eye(5)[n % 2] + 0.1 * RNG.normal(size=5)
        for n, name in enumerate(row)
        for word in row[name]["examples"]
    }
    strong = Association(data=data).run(model(**biased)).metrics
    assert strong["effect_size"] > 1.5 and strong["p"] == pytest.approx(1 / 252)
    assert Association(data=data).run(constant).metrics == {"effect_size": 0, "p": 1}


def test_equal_targets_have_no_effect_and_exchanged_ones_the_opposite():
    association = RNG.normal(size=10)
    group = np.repeat([0, 1], 5)
    there, back = effect_size(association, group), effect_size(association, 1 - group)
    assert there == pytest.approx(-back) and there != 0
    assert effect_size(np.tile(association[:5], 2), group) == pytest.approx(0)
