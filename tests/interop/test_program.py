"""Models written as one function of StableHLO: run here, by other processes, and refused."""

import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxemb.adaptation import BottleneckAdapters
from jaxemb.config import UsageError
from jaxemb.encoders import Transformer
from jaxemb.fitting import Slice
from jaxemb.interop import export_program, load_program, program
from jaxemb.nn import Causal, RelativeBuckets, Rotary
from jaxemb.pooling import EachToken, LastToken
from jaxemb.text import Template
from tests import toy

pytest.importorskip("flatbuffers")

TEXTS = ["sort a list", "", "open the file " * 9, "join", "a list of strings"]


def made(**changes):
    """A small model, its parts changed, with random parameters."""
    given = toy.model()
    text = dataclasses.replace(given.embedder.text, template=Template(query="find: "))
    encoder = Transformer(layers=2, width=16, heads=2, mask=Causal(), position=Rotary())
    parts = {"encoder": encoder, "pooling": LastToken(), "text": text} | changes
    embedder = dataclasses.replace(given.embedder, **parts)
    return dataclasses.replace(
        given,
        embedder=embedder,
        params=jax.jit(embedder.init)(jax.random.key(3)),
        tokenizer=given.tokenizer.read_as(text),
    )


def test_one_program_takes_any_number_of_texts_and_tokens(tmp_path):
    model = made()
    written = load_program(export_program(model, tmp_path / "any"))
    for role in ("query", "document"):
        expected = model.encode(TEXTS, role=role)
        np.testing.assert_allclose(written.encode(TEXTS, role=role), expected, atol=1e-5)
    np.testing.assert_allclose(written.encode("join"), model.encode("join"), atol=1e-5)
    assert written.encode([]).shape == (0, model.dim)
    assert written.fingerprint == model.fingerprint()


def test_named_shapes_serve_networks_that_need_them(tmp_path):
    model = made(encoder=Transformer(layers=1, width=16, heads=2, position=RelativeBuckets()))
    with pytest.raises(UsageError, match="name the shapes of its calls"):
        export_program(model, tmp_path / "any")
    assert list(tmp_path.iterdir()) == []
    written = load_program(export_program(model, tmp_path / "two", shapes=((2, 4), (1, 5))))
    expected = model.encode(TEXTS, max_tokens=5, normalize=False)
    np.testing.assert_allclose(written.encode(TEXTS, normalize=False), expected, atol=1e-5)
    assert set(written.calls) == {(2, 4), (1, 5)}


def test_adapters_inside_are_part_of_the_program(tmp_path):
    model, adapters = made(), BottleneckAdapters(width=2)
    moved, kept = adapters.split(model.params, jax.random.key(0))
    moved = jax.tree.map(lambda x: x + 0.2, moved)
    adapted = dataclasses.replace(model, params=adapters.merged(moved, kept))
    found = load_program(export_program(adapted, tmp_path / "adapted")).encode(TEXTS)
    np.testing.assert_allclose(found, adapted.encode(TEXTS), atol=1e-5)
    assert not np.allclose(found, model.encode(TEXTS), atol=1e-3)


ELSEWHERE = """
import json, sys
import jax, numpy as np
from jax import export
from tokenizers import Tokenizer

folder = sys.argv[1]
about = json.load(open(f"{folder}/program.json"))
with open(f"{folder}/{about['programs'][0]['file']}", "rb") as file:
    run = export.deserialize(bytearray(file.read())).call
ids = np.array([Tokenizer.from_file(f"{folder}/tokenizer.json").encode("sort a list").ids], np.int32)
vectors = np.asarray(run(ids, np.ones(ids.shape, bool)))
assert not any(name.split(".")[0] in ("jaxemb", "flax") for name in sys.modules)
print(json.dumps(vectors[0].tolist()))
"""


def test_another_process_needs_jax_alone(tmp_path):
    model = made()
    folder = export_program(model, tmp_path / "folder")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(folder)], capture_output=True, text=True, check=True
    )
    expected = model.encode("sort a list", normalize=False)
    np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_a_program_that_gives_other_vectors_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "SAME", 1.1)
    with pytest.raises(UsageError, match="gives other vectors than the model"):
        export_program(made(), tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_the_least_cosine_is_that_of_the_worst_text():
    rows = np.random.default_rng().normal(size=(4, 3))
    other, none = rows.copy(), np.zeros((1, 3))
    assert program._least_cosine(np.vstack([rows, none]), np.vstack([2 * other, none])) > 0.999
    other[2] *= -3.0
    assert program._least_cosine(rows, other) == pytest.approx(-1)
    other[2] = 0
    assert program._least_cosine(rows, other) == 0


def test_what_no_program_can_be_is_refused(tmp_path):
    model = made()
    for refused, message, options in (
        (made(pooling=EachToken()), "several vectors per text", {}),
        (dataclasses.replace(model, transforms=(Slice(dim=2),)), "transforms of its vectors", {}),
        (dataclasses.replace(model, tokenizer=None), "one tower with a tokenizer", {}),
        (model, "the shape 0x8 does not fit", {"shapes": ((0, 8),)}),
        (model, "unknown platform 'abacus'", {"platforms": ("abacus",)}),
    ):
        with pytest.raises(UsageError, match=message):
            export_program(refused, tmp_path / "folder", **options)
    with pytest.raises(UsageError, match="exists already"):
        export_program(model, tmp_path)
    with pytest.raises(UsageError, match="holds no exported program"):
        load_program(tmp_path)


def test_a_changed_file_and_another_platform_are_told(tmp_path):
    folder = export_program(made(), tmp_path / "folder")
    about = json.loads((folder / "program.json").read_text())
    (folder / "program.json").write_text(json.dumps(about | {"platforms": ["tpu"]}))
    with pytest.raises(UsageError, match="program.json is not what was written"):
        load_program(folder)
    program.seal(folder, program.KIND)
    with pytest.raises(UsageError, match="is for tpu, and this is cpu"):
        load_program(folder)
    (folder / "program.json").write_text(json.dumps(about))
    (folder / "program.bin").write_bytes(b"none")
    program.seal(folder, program.KIND)
    with pytest.raises(UsageError, match="cannot be read by JAX"):
        load_program(folder)
