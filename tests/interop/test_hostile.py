"""Folders whose weights, links or tokenizer would give wrong vectors, reach outside, or never end."""

import numpy as np
import pytest

import jaxemb
from jaxemb.config import UsageError
from tests.interop.folders import CONFIG, PIECES, tensors, write

NAME = "encoder.layer.1.intermediate.dense.weight"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (lambda x: np.where(x == x.max(), np.nan, x), "holds 1 weights that are infinite"),
        (lambda x: np.where(x > 0, np.inf, x), "weights that are infinite or no numbers"),
        (lambda x: (100 * x).astype(np.int32), "is of type I32"),
    ],
    ids=["nan", "infinite", "whole-numbers"],
)
def test_weights_that_are_no_real_numbers_are_named(tmp_path, changed, told):
    arrays = tensors(CONFIG)
    arrays[NAME] = np.ascontiguousarray(changed(arrays[NAME]))
    with pytest.raises(UsageError, match=f"{NAME}.*{told}"):
        jaxemb.load(write(tmp_path / "model", CONFIG, arrays))


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path, what):
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
    ]
    settings = {"word_embedding_dimension": 12, "pooling_mode_cls_token": True}
    folder = write(tmp_path / "model", CONFIG, modules=modules, **{"1_Pooling__config": settings})
    secret = tmp_path / "secret"
    if what == "folder":
        (folder / "1_Pooling").rename(secret)
        (folder / "1_Pooling").symlink_to(secret)
    else:
        index = {"weight_map": {NAME: "shard.safetensors"}}
        write(folder, CONFIG, **{"model.safetensors.index": index})
        (folder / "model.safetensors").rename(secret)
        (folder / "shard.safetensors").symlink_to(secret)
    with pytest.raises(UsageError, match="is outside of"):
        jaxemb.load(folder)


def test_a_tokenizer_that_pads_to_a_billion_tokens_pads_nothing(tmp_path):
    import tokenizers

    folder = write(tmp_path / "model", CONFIG)
    expected = jaxemb.load(folder).encode(["sort a list"])
    backend = tokenizers.BertWordPieceTokenizer(str(folder / "vocab.txt"))
    backend.enable_padding(length=10**9)
    backend.save(str(folder / "tokenizer.json"))
    assert len(PIECES) == backend.get_vocab_size()
    np.testing.assert_array_equal(jaxemb.load(folder).encode(["sort a list"]), expected)
