"""What large batches cost: time and memory of cached gradients, and memory of a loss in tiles.

Run      python benchmarks/grad_cache.py                        # a few minutes on 2 cores
         python benchmarks/grad_cache.py --rows 256 --tokens 64 --chunk 32
Prints   a step of GradCache against one of Microbatch over the same texts, each in turn, medians of
         times; the temporary memory of the gradient of a very large batch, as the compiler plans it,
         beside that of one chunk and the vectors of all rows; and that of InfoNCE, whole and in
         tiles, as the batch grows.

Memory is planned and not taken: the large batch is compiled for its shapes and never run. GradCache
computes one forward pass more than Microbatch, so 4/3 of the time is what it takes at best. A
microbatched row is compared with the rows of its own piece alone, a cached one with all.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxemb.encoders import Transformer
from jaxemb.losses import InfoNCE, Loss, TiledInfoNCE, reduce
from jaxemb.model import Embedder
from jaxemb.pooling import Mean
from jaxemb.runtime import Jit, Runtime
from jaxemb.text import TextBatch, WordPiece
from jaxemb.tokens import TokenTable
from jaxemb.training import AdamW, Everything, Full, GradCache, GradientMethod, Microbatch
from jaxemb.training.objective import Moving, Objective, examples
from jaxemb.training.state import create
from jaxemb.training.step import Compiles, Program, start

MEGABYTE = 2**20
VOCABULARY = 8192


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--rows", type=int, default=128, help="pairs of a timed batch")
    parser.add_argument("--tokens", type=int, default=32, help="of a timed text")
    parser.add_argument("--chunk", type=int, default=32, help="pairs embedded at a time")
    parser.add_argument("--pairs", type=int, default=5, help="timings of both in turn")
    parser.add_argument("--large-rows", type=int, default=16384)
    parser.add_argument("--large-tokens", type=int, default=128)
    parser.add_argument("--large-chunk", type=int, default=32)
    parser.add_argument("--tile", type=int, default=128, help="rows of a tile of the loss")
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def network(options: argparse.Namespace) -> Embedder:
    encoder = Transformer(
        layers=options.layers, width=options.width, heads=options.heads, dropout=options.dropout
    )
    text = WordPiece(vocabulary=VOCABULARY, max_tokens=options.large_tokens)
    return Embedder(text=text, tokens=TokenTable(), encoder=encoder, pooling=Mean())


def batch(rows: int, tokens: int) -> dict[str, Any]:
    """Pairs of texts without padding."""
    rng = np.random.default_rng(0)
    ids = np.arange(rows, dtype=np.int32)
    texts = {
        name: TextBatch(
            rng.integers(5, VOCABULARY, (rows, tokens)).astype(np.int32),
            np.ones((rows, tokens), bool),
        )
        for name in ("query", "positive")
    }
    return {**texts, "query_id": ids, "positive_id": ids + rows}


# --- time


def stepper(options: argparse.Namespace, method: GradientMethod) -> Any:
    """A function that takes one step and waits for it; compiled and warmed up."""
    embedder, loss, optimizer = network(options), InfoNCE(), AdamW()
    data, runtime = batch(options.rows, options.tokens), Runtime(devices=Jit(limit=1))
    key = jax.random.key(0)
    params = embedder.init(key)
    moving, kept, memory, _ = start(embedder, loss, Everything(), params, data, key)
    state = runtime.place(create(moving, memory, optimizer.direction_alone.transform(moving), key))
    what = Compiles(embedder, loss, method, optimizer.direction_alone, Everything(), runtime)
    program = Program(what, state, kept)

    def step() -> None:
        nonlocal state
        state, metrics = program(state, kept, 1e-4, data)
        jax.block_until_ready(metrics)

    step()
    return step


def seconds(step: Any) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def timed(options: argparse.Namespace) -> dict[str, float]:
    pieces = options.rows // options.chunk
    cached = stepper(options, GradCache(chunk=options.chunk))
    micro = stepper(options, Microbatch(pieces=pieces))
    both = [(seconds(micro), seconds(cached)) for _ in range(options.pairs)]
    return {
        "microbatch_seconds": statistics.median(one for one, _ in both),
        "grad_cache_seconds": statistics.median(other for _, other in both),
        "time_ratio": statistics.median(other / one for one, other in both),
    }


# --- memory


def planned(function: Any, *shapes: Any) -> int:
    """Bytes beside inputs and outputs, as the compiler plans them."""
    return jax.jit(function).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


def gradient_bytes(
    options: argparse.Namespace, rows: int, method: GradientMethod, loss: Loss
) -> int:
    embedder, key = network(options), jax.random.key(0)
    data = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, batch(rows, options.large_tokens)))
    objective = Objective(embedder, loss)

    def gradient(params: Any, data: Any) -> Any:
        found = examples(data, loss, key, None)
        (value, _), grads = method(objective, Moving(params, {}), found, key)
        return value, grads

    return planned(gradient, jax.eval_shape(embedder.init, key), data)


def remembered(options: argparse.Namespace) -> dict[str, float]:
    """The gradient of the large batch, and what it is made of."""
    rows, chunk = options.large_rows, options.large_chunk
    loss = TiledInfoNCE(tile=options.tile)
    found = {
        "one_chunk": gradient_bytes(options, chunk, Full(), InfoNCE()),
        "vectors": 2 * rows * options.width * 4,
        "grad_cache": gradient_bytes(options, rows, GradCache(chunk=chunk), loss),
        "grad_cache_whole_loss": gradient_bytes(options, rows, GradCache(chunk=chunk), InfoNCE()),
    }
    found = {f"{name}_megabytes": x / MEGABYTE for name, x in found.items()}
    bound = found["one_chunk_megabytes"] + found["vectors_megabytes"]
    return found | {"memory_ratio": found["grad_cache_megabytes"] / bound}


def loss_bytes(loss: Loss, rows: int, width: int) -> int:
    vectors = jax.ShapeDtypeStruct((rows, width), jnp.float32)
    ids = jax.ShapeDtypeStruct((rows,), jnp.int32)

    def value(vectors: Any, ids: Any) -> Any:
        return reduce(loss({**vectors, **ids}, key=jax.random.key(0)))[0]

    return planned(
        jax.grad(value),
        {"query": vectors, "positive": vectors},
        {"query_id": ids, "positive_id": ids},
    )


def grown(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """The loss alone, for batches that double."""
    tiled = TiledInfoNCE(tile=options.tile)
    sizes = [options.large_rows >> n for n in range(4, -1, -1)]
    return {
        f"{rows}": {
            "whole_megabytes": loss_bytes(InfoNCE(), rows, options.width) / MEGABYTE,
            "tiled_megabytes": loss_bytes(tiled, rows, options.width) / MEGABYTE,
        }
        for rows in sizes
    }


def main() -> None:
    options = arguments()
    found: dict[str, Any] = {"loss": grown(options)}
    for rows, row in found["loss"].items():
        told = ", ".join(f"{name} {value:,.1f}" for name, value in row.items())
        print(f"loss of {rows} rows: {told}", flush=True)
    for part in (remembered, timed):
        figures = part(options)
        found |= figures
        for name, value in figures.items():
            print(f"{name}: {value:,.3f}", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
