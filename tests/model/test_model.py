import json

import jax
import numpy as np
import pytest

import jaxemb
from jaxemb import recipes
from jaxemb.config import UsageError
from jaxemb.fitting import Slice
from jaxemb.model import Embedding, Model, batches, windows
from jaxemb.runtime.running_costs import RunningCosts
from jaxemb.study.stages import run_stages
from jaxemb.text import Tokenizer, group_in_few_shapes, grouping, pad

TEXTS = ["join a list of strings", "", "a", "parse an email header " * 30, "π and ¶", "open a file"]


@pytest.fixture(scope="module")
def model() -> Model:
    return run_stages(recipes.pair_retriever().small())


def test_encode_keeps_the_order_and_gives_unit_vectors(model):
    vectors = model.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), model.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(model.encode(text), vector, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 64, None])
def test_batch_size_and_neighbours_change_nothing(model, batch_size):
    vectors = model.encode(TEXTS, batch_size=batch_size)
    np.testing.assert_allclose(vectors, model.encode(TEXTS[::-1])[::-1], atol=1e-6)


def test_strict_vectors_are_equal_to_the_last_bit(model):
    whole = model.encode(TEXTS, strict=True)
    np.testing.assert_array_equal(whole, model.encode(TEXTS[::-1], strict=True, batch_size=2)[::-1])
    np.testing.assert_array_equal(whole[2], model.encode("a", strict=True))


def test_a_string_gives_one_vector_and_no_texts_give_none(model):
    assert model.encode("one").shape == (model.dim,)
    assert model.encode([]).shape == (0, model.dim)
    assert model.encode(iter(["one", "two"])).shape == (2, model.dim)


def test_a_text_of_100_000_words_is_cut(model):
    vectors = model.encode(["word " * 100_000, "word " * 1_000])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_dim_is_cut_before_the_vectors_are_scaled(model):
    whole, cut = model.encode(TEXTS), model.encode(TEXTS, dim=5)
    expected = whole[:, :5] / np.linalg.norm(whole[:, :5], axis=1, keepdims=True)
    np.testing.assert_allclose(cut, expected, atol=1e-6)
    np.testing.assert_allclose(model.encode(TEXTS, dim=5, normalize=False), whole[:, :5], atol=1e-6)


def test_layers_are_those_of_the_truncated_embedder(model):
    tokens = model.tokenizer.encode(TEXTS)
    from jaxemb.text import pad

    batch = pad(tokens, 16)
    depths = np.asarray(model.embedder.depths(model.params, batch))
    for layers in (1, 2):
        np.testing.assert_allclose(
            model.encode(TEXTS, layers=layers), depths[:, layers - 1], atol=1e-5
        )


def test_prompts_and_roles_come_before_the_text(model):
    np.testing.assert_allclose(
        model.encode(["list"], prompt="join a "), model.encode(["join a list"]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "dim=0"),
        ({"dim": 1000}, "1 to 32"),
        ({"layers": 3}, "layers 1 to 2"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_options_out_of_range_are_told(model, options, message):
    with pytest.raises(UsageError, match=message):
        model.encode(TEXTS, **options)


@pytest.mark.parametrize("texts", [["a", 3], ["a", None], b"abc"])
def test_what_is_not_text_is_told(model, texts):
    with pytest.raises(UsageError):
        model.encode(texts)


def test_similarity_is_the_cosine(model):
    rng = np.random.default_rng()
    a, b = rng.normal(size=(3, 8)), rng.normal(size=(4, 8))
    expected = [[x @ y / np.linalg.norm(x) / np.linalg.norm(y) for y in b] for x in a]
    np.testing.assert_allclose(model.similarity(a, b), expected, atol=1e-6)
    assert model.similarity(a[0], b).shape == (1, 4)


def test_save_and_load_give_the_same_vectors(model, tmp_path):
    import dataclasses

    sliced = dataclasses.replace(model, transforms=(Slice(dim=7),))
    sliced.save(tmp_path / "saved")
    loaded = jaxemb.load(tmp_path / "saved")
    assert loaded.dim == 7 and loaded.embedder == model.embedder
    np.testing.assert_array_equal(loaded.encode(TEXTS), sliced.encode(TEXTS))
    with pytest.raises(UsageError, match="exists already"):
        model.save(tmp_path / "saved")
    model.save(tmp_path / "saved", overwrite=True)
    assert jaxemb.load(tmp_path / "saved").dim == model.dim
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_what_cannot_be_loaded_is_told(model, tmp_path):
    with pytest.raises(UsageError, match="There is no"):
        jaxemb.load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="neither a run nor a saved model"):
        jaxemb.load(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UsageError, match="has not finished"):
        jaxemb.load(tmp_path)
    saved = model.save(tmp_path / "saved")
    description = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps(description | {"format": 99}))
    with pytest.raises(UsageError, match="format 99"):
        jaxemb.load(saved)
    (saved / "model.json").write_text("not json")
    with pytest.raises(UsageError, match="cannot be read"):
        jaxemb.load(saved)


def test_a_model_cannot_be_saved_where_nothing_can_be_written(model):
    with pytest.raises(UsageError, match="cannot be written"):
        model.save("/proc/nowhere/model")


@pytest.mark.parametrize("batch_size", [32, None])
def test_few_programs_are_compiled(model, batch_size):
    from jaxemb.model.batches import compiled

    compiled.cache_clear()
    model.encode(["word " * n for n in range(1, 60)] * 2, batch_size=batch_size)
    before = compiled(model.embedder, 1)._cache_size()
    model.encode(["word " * n for n in range(60, 1, -1)] * 2, batch_size=batch_size)
    assert compiled(model.embedder, 1)._cache_size() == before <= 4


def test_embedding_at_a_depth_is_encode_at_that_depth(model):
    embed = Embedding(model).at(1)
    np.testing.assert_array_equal(
        embed(TEXTS, "query"), model.encode(TEXTS, role="query", layers=1)
    )


def test_init_depends_on_the_key_alone(model):
    one, same, other = (
        Model.create(model.embedder, jax.random.key(seed)).params for seed in (1, 1, 2)
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, one, same))
    assert not jax.tree.all(jax.tree.map(np.array_equal, one, other))


def test_strict_vectors_are_the_same_beside_many_texts(model, monkeypatch):
    """Many texts are padded less, but not those that must come out the same to the bit."""
    alone = model.encode("a", strict=True)
    monkeypatch.setattr(grouping, "MANY_TOKENS", 20)
    shapes = []
    monkeypatch.setattr(
        batches, "pad", lambda ids, n, *more: shapes.append(n) or pad(ids, n, *more)
    )
    np.testing.assert_array_equal(model.encode(["a"] * 20, strict=True)[3], alone)
    assert set(shapes) == {16}
    model.encode(["a"] * 20)
    assert set(shapes) == {16, 8}


def test_windows_give_what_one_gives(model, monkeypatch):
    many = [f"{text[: n % 90]} {n}" for n in range(14) for text in TEXTS]
    whole, told = model.encode(many), []
    monkeypatch.setattr("jaxemb.model.windows.WINDOW", 10)
    monkeypatch.setattr("jaxemb.model.windows._CHUNK", 3)
    tokenised = []
    encode = Tokenizer.encode
    monkeypatch.setattr(
        Tokenizer, "encode", lambda self, t, **k: tokenised.append(len(t)) or encode(self, t, **k)
    )
    found = model.encode(many, report=lambda texts, tokens: told.append((texts, tokens)))
    np.testing.assert_allclose(found, whole, atol=1e-6)
    assert sum(texts for texts, _ in told) == sum(tokenised) == len(many) and max(tokenised) == 3
    with pytest.raises(UsageError, match="Text 37 is a int"):
        model.encode([*many[:37], 3, *many])


def test_the_longest_texts_come_in_the_first_window(monkeypatch):
    monkeypatch.setattr(windows, "WINDOW", 2)
    assert windows.longest_first(["a", "bbb", "cc", "dddd", ""]) == [[3, 1], [2, 0], [4]]


def test_a_stream_is_read_two_windows_ahead_at_most(model):
    read = []
    stream = (read.append(n) or f"sort {n}" for n in range(100))
    found = model.encode_batches(stream, window=8)
    assert not read
    first = next(found)
    assert len(read) == 16 and first.shape == (8, model.dim)
    rest = list(found)
    whole = model.encode([f"sort {n}" for n in range(100)])
    np.testing.assert_allclose(np.concatenate([first, *rest]), whole, atol=1e-6)
    assert [len(vectors) for vectors in rest] == [8] * 11 + [4]
    with pytest.raises(UsageError, match="Text 9 is a NoneType"):
        list(model.encode_batches(iter(["a"] * 9 + [None]), window=4))
    with pytest.raises(UsageError, match="window=0 must be at least 1"):
        next(model.encode_batches(["a"], window=0))


def test_few_shapes_give_the_vectors_of_many(model, monkeypatch):
    many = [text[: n % 90] for n in range(40) for text in TEXTS]
    expected = model.encode(many)
    batches.compiled.cache_clear(), batches._warmed.cache_clear()
    monkeypatch.setattr(batches, "_grouping", lambda: group_in_few_shapes)
    np.testing.assert_allclose(model.encode(many, batch_tokens=128), expected, atol=1e-6)
    np.testing.assert_allclose(model.encode(many[:7], strict=True), expected[:7], atol=1e-6)


def test_programs_are_compiled_once_whether_warmed_or_called(model):
    costs = RunningCosts()
    batches.compiled.cache_clear(), batches._warmed.cache_clear()
    tower, shapes = model.embedder, {(2, 16), (4, 16), (1, 8)}
    batches.warm(tower, model.params, shapes, 1)
    assert costs.summary()["programs"] == 3
    for rows, tokens in shapes:
        batches.compiled(tower, 1)(model.params, pad([np.arange(tokens)] * rows, tokens))
    assert costs.summary()["programs"] == 3


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]"])
def test_a_model_that_cannot_be_read_is_one_sentence(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"model\.json"):
        jaxemb.load(tmp_path)


def test_only_a_saved_model_is_overwritten(model, tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="holds 'notes.txt', which overwriting would delete"):
        model.save(".", overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    model.save(".", overwrite=True)
    assert jaxemb.load(tmp_path / "empty").dim == model.dim
    with pytest.raises(UsageError, match="is a file"):
        model.save(tmp_path / "notes.txt", overwrite=True)


def test_what_is_no_text_is_told(model):
    with pytest.raises(UsageError, match="a string or several, not NoneType"):
        model.encode(None)
    with pytest.raises(UsageError, match="Text 1 is a NoneType"):
        model.encode(["sort", None])


def test_half_floats_are_compared_as_floats(model):
    rows = np.full((1, 2), 300, np.float16)  # whose squares are beyond float16
    assert model.similarity(rows, rows) == pytest.approx(1.0)
