"""What one accelerator does: encoding and training beside sentence-transformers, memory, kernels.

Run      pip install -e ".[parity]" and JAX for the device; python benchmarks/accelerator.py
         python benchmarks/accelerator.py --toy            # any CPU, a minute: shows that it works
         python benchmarks/accelerator.py --only encode attention
Prints   for each part one line with its figures: encoding from strings to vectors and the first call
         of a process, beside the peer; a training step of BERT-base, 256 pairs of 128 tokens in
         bfloat16, in tokens per second and as a share of the device's rate for large products (MFU);
         the step's memory with and without rematerialization; attention by cuDNN and written out; and
         a whole small job, from data to scores of its vectors.

Each part runs in a process of its own, so that neither library keeps the device's memory from the
other, and a part that fails is reported with its error while the others go on. Medians of rounds
after one that compiles. Both sides drop hidden states and no attention weights. MFU counts the model's
matrix products alone, three times the forward ones; the rate is measured with one product of 8192 x
8192 numbers in the same process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

SIZES = SimpleNamespace(
    layers=12, width=768, heads=12, vocabulary=30522, rows=256, tokens=128, texts=20_000, rounds=5,
    product=8192, steps=200, long=512,
)  # fmt: skip
TOY = SimpleNamespace(
    layers=2, width=32, heads=2, vocabulary=512, rows=8, tokens=16, texts=64, rounds=2,
    product=128, steps=2, long=32,
)  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toy", action="store_true", help="sizes that any CPU can do")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", help="also write the figures to this file")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    return parser.parse_args()


# --- what both sides read


def texts(count: int) -> list[str]:
    """Paragraphs of prose of very different lengths, no two of them equal."""
    from pydoc_data.topics import topics

    found = [" ".join(p.split()) for topic in topics.values() for p in topic.split("\n\n")]
    found = [paragraph for paragraph in found if len(paragraph.split()) >= 4]
    return [f"{found[n % len(found)]} {n}" for n in range(count)]


def tokenizer(size: SimpleNamespace) -> Any:
    from jaxemb.text import WordPiece

    return WordPiece(vocabulary=size.vocabulary, max_tokens=size.tokens).train(texts(5000))


def timed(work: Callable[[], Any], rounds: int) -> float:
    """Median seconds after a first call."""
    work()
    return statistics.median(seconds(work) for _ in range(rounds))


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# --- this library


def our_model(size: SimpleNamespace, loop: str = "unrolled") -> Any:
    import dataclasses

    import jax

    from jaxemb.encoders import Scanned, Transformer, Unrolled
    from jaxemb.heads import Normalize
    from jaxemb.model import Embedder, Model
    from jaxemb.pooling import Mean
    from jaxemb.tokens import TokenTable

    known = tokenizer(size)
    encoder = Transformer(
        layers=size.layers, width=size.width, heads=size.heads, dtype="bfloat16", dropout=0.1,
        loop={"unrolled": Unrolled(), "scanned": Scanned()}[loop],
    )  # fmt: skip
    embedder = Embedder(
        text=known.text, tokens=TokenTable(), encoder=encoder, pooling=Mean(), head=Normalize()
    )
    model = Model.create(embedder, jax.random.key(0))
    return dataclasses.replace(model, tokenizer=known)


def our_step(
    size: SimpleNamespace, gradients: Any, loop: str = "unrolled"
) -> tuple[Any, Any, Callable, Any]:
    """A program, its arguments, `step(state) -> state`, and the first state."""
    import jax
    import numpy as np

    from jaxemb.losses import InfoNCE
    from jaxemb.runtime import Runtime
    from jaxemb.text import TextBatch
    from jaxemb.training import AdamW, Everything
    from jaxemb.training.state import create
    from jaxemb.training.step import Compiles, program, start

    model, draw, runtime = our_model(size, loop), np.random.default_rng(0), Runtime()
    shape = (size.rows, size.tokens)

    def column() -> TextBatch:
        ids = draw.integers(5, model.tokenizer.size, shape, dtype=np.int32)
        return TextBatch(ids, np.ones(shape, bool))

    numbers = np.arange(size.rows, dtype=np.int32)
    batch = {"query": column(), "positive": column(), "query_id": numbers}
    batch["positive_id"] = numbers + size.rows
    loss, trains, key = InfoNCE(temperature=0.05), Everything(), jax.random.key(0)
    optimizer = AdamW(learning_rate=1e-4).direction_alone
    moving, kept, memory, _ = start(model.embedder, loss, trains, model.params, batch, key)
    state = runtime.place(create(moving, memory, optimizer.transform(moving), key))
    kept = runtime.place(kept)
    made = program(
        Compiles(model.embedder, loss, gradients, optimizer, trains, runtime), state, kept
    )
    return model, made, lambda state: made(state, kept, 1e-4, batch)[0], state


def matrix_rate(size: SimpleNamespace) -> float:
    """FLOP/s of one large product in bfloat16."""
    import jax
    import jax.numpy as jnp

    # Of random numbers: a product of ones takes less power, hence less time.
    x = jax.random.normal(jax.random.key(0), (size.product, size.product), jnp.bfloat16)
    multiply = jax.jit(lambda x: x @ x)
    return 2 * size.product**3 / timed(lambda: jax.block_until_ready(multiply(x)), 10)


# --- the peer


def device_of_torch() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def peer_model(size: SimpleNamespace) -> Any:
    """A randomly initialised BERT with mean pooling."""
    import tokenizers
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=size.vocabulary, hidden_size=size.width, num_hidden_layers=size.layers,
        num_attention_heads=size.heads, intermediate_size=4 * size.width,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
    backend = tokenizers.Tokenizer.from_str(tokenizer(size).to_json())
    with tempfile.TemporaryDirectory() as folder:
        BertModel(config).save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
        transformer = models.Transformer(folder, max_seq_length=size.tokens)
    pooling = models.Pooling(size.width, pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling], device=device_of_torch())


def peer_rate(size: SimpleNamespace) -> float:
    """Training tokens per second of the peer's own model and loss."""
    import torch
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    model, device = peer_model(size).train(), device_of_torch()
    loss_of = MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=device == "cuda")
    shape = (size.rows, size.tokens)
    ids = [torch.randint(5, size.vocabulary, shape, device=device) for _ in range(2)]

    def step() -> None:
        optimizer.zero_grad()
        columns = [{"input_ids": x, "attention_mask": torch.ones_like(x)} for x in ids]
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = loss_of(columns, None)
        loss.backward()
        optimizer.step()
        loss.item()

    return 2 * size.rows * size.tokens / timed(step, size.rounds)


# --- the parts


def encode(size: SimpleNamespace, loop: str = "unrolled") -> dict[str, float]:
    some = texts(size.texts)
    model = our_model(size, loop)
    first = seconds(lambda: model.encode(some))
    spent = timed(lambda: model.encode(some), size.rounds)
    return {"texts_per_second": len(some) / spent, "first_call_seconds": first}


def encode_peer(size: SimpleNamespace) -> dict[str, float]:
    import torch

    some, model = texts(size.texts), peer_model(size)

    def work() -> None:
        with torch.autocast(device_of_torch(), dtype=torch.bfloat16):
            model.encode(some, batch_size=128, normalize_embeddings=True, show_progress_bar=False)

    first = seconds(work)
    return {
        "texts_per_second": len(some) / timed(work, size.rounds),
        "first_call_seconds": first,
    }


def train(size: SimpleNamespace, loop: str = "unrolled") -> dict[str, float]:
    import jax

    from jaxemb.analysis.costs import PASSES, column_flops
    from jaxemb.losses import Vector
    from jaxemb.training import Full

    model, _, step, state = our_step(size, Full(), loop)
    held = [state]

    def work() -> None:
        held[0] = jax.block_until_ready(step(held[0]))

    first = seconds(work)
    spent, rate = timed(work, size.rounds), matrix_rate(size)
    flops = PASSES * 2 * size.rows * column_flops(model.embedder, "positive", Vector())
    return {
        "tokens_per_second": 2 * size.rows * size.tokens / spent,
        "mfu": flops / spent / rate,
        "matrix_tflops": rate / 1e12,
        "first_step_seconds": first,
    }


def encode_scanned(size: SimpleNamespace) -> dict[str, float]:
    """Encoding where one layer is compiled and run for all."""
    return encode(size, "scanned")


def train_scanned(size: SimpleNamespace) -> dict[str, float]:
    """Training where one layer is compiled and run for all."""
    return train(size, "scanned")


def train_peer(size: SimpleNamespace) -> dict[str, float]:
    return {"tokens_per_second": peer_rate(size)}


def memory(size: SimpleNamespace) -> dict[str, float]:
    """Temporary memory of a step, as the compiler plans it."""
    from jaxemb.training import Full, Rematerialize

    found = {}
    for name, gradients in (("full", Full()), ("rematerialized", Rematerialize())):
        _, program, step, state = our_step(size, gradients)
        step(state)
        ((compiled, _),) = program._compiled.values()
        found[f"{name}_gib"] = compiled.memory_analysis().temp_size_in_bytes / 2**30
    return found


def attention(size: SimpleNamespace) -> dict[str, float]:
    """Milliseconds of attention and its gradient: cuDNN where there is a GPU, and written out."""
    import jax
    import jax.numpy as jnp

    from jaxemb.nn.kernels import attention_weights, fused

    shape = (size.rows, size.heads, size.long, size.width // size.heads)
    keys = jax.random.split(jax.random.key(0), 3)
    query, key, value = (jax.random.normal(k, shape, jnp.bfloat16) for k in keys)
    allowed = jnp.ones((1, 1, 1, size.long), bool)

    def written_out(q: Any, k: Any, v: Any) -> Any:
        weights = attention_weights(q, k, allowed)
        return jnp.einsum("bhqs,bhsk->bhqk", weights.astype(v.dtype), v)

    def by(implementation: str) -> Callable:
        return lambda q, k, v: fused(q, k, v, allowed, implementation=implementation)

    kinds = {"written_out": written_out, "xla": by("xla")}
    if jax.default_backend() == "gpu":
        kinds["cudnn"] = by("cudnn")
    found = {}
    for name, attend in kinds.items():
        grads = jax.jit(
            jax.grad(lambda *x, a=attend: a(*x).astype(jnp.float32).sum(), argnums=(0, 1, 2))
        )
        work = timed(lambda g=grads: jax.block_until_ready(g(query, key, value)), size.rounds)
        found[f"{name}_ms"] = 1e3 * work
    return found


def job(size: SimpleNamespace) -> dict[str, float]:
    """Data, vocabulary, training and vectors of the test split, from an empty process."""
    import dataclasses

    import jax

    from jaxemb.data import Pairs, PyDocs
    from jaxemb.losses import InfoNCE
    from jaxemb.training import AdamW, Steps, Train
    from jaxemb.training.loop import train as trained

    started = time.perf_counter()
    source = PyDocs(packages=("json", "email")) if size is TOY else PyDocs()
    data = Pairs(source=source, batch_size=size.rows)
    stage = Train(
        data=data, loss=InfoNCE(temperature=0.05), optimizer=AdamW(learning_rate=1e-4),
        budget=Steps(size.steps),
    )  # fmt: skip
    steps: list[float] = []

    def report(metrics: dict[str, float]) -> None:
        steps.append(time.perf_counter() - started)

    model = trained(our_model(size), stage, key=jax.random.key(0), seed=0, report=report)
    dataclasses.replace(model).encode(list(dataclasses.replace(data, split="test").texts()))
    return {
        "seconds": time.perf_counter() - started,
        "seconds_to_first_step": steps[0],
        "seconds_of_training": steps[-1],
    }


PARTS = {
    "encode": encode, "encode_scanned": encode_scanned, "encode_peer": encode_peer,
    "train": train, "train_scanned": train_scanned, "train_peer": train_peer, "memory": memory,
    "attention": attention, "job": job,
}  # fmt: skip


def apart(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """A part in a process of its own; its error in the place of figures."""
    command = [sys.executable, __file__, "--part", name, *(["--toy"] if options.toy else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["died"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    options = arguments()
    if options.part:
        print(json.dumps(PARTS[options.part](TOY if options.toy else SIZES)))
        return
    found = {}
    for name in options.only:
        found[name] = apart(name, options)
        shown = (f"{k} {v:,.4g}" if not isinstance(v, str) else v for k, v in found[name].items())
        print(f"{name}: {', '.join(shown)}", flush=True)
    for name, figure in (("encode", "texts_per_second"), ("train", "tokens_per_second")):
        ours, peer = (found.get(n, {}).get(figure) for n in (name, f"{name}_peer"))
        if ours and peer:
            print(f"{name}: {ours / peer:.2f} times the peer")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
