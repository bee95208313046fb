"""Exact search beside faiss-flat and beside the bare matrix product, on one CPU with equal threads.

Run      pip install faiss-cpu && python benchmarks/exact_search.py          # about 3 minutes, 2 cores
         python benchmarks/exact_search.py --queries 10000 --documents 1000000 --pairs 1
Prints   seconds of each side (medians of interleaved rounds, compilation apart), the ratios within
         rounds, and the share of equal ids, with how far scores lie apart where ids differ.

The product alone is the same product of the same blocks, by the compiled program that the search
uses and by numpy's BLAS; its scores are thrown away. The faster of the two is what counts.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxemb.runtime.memory import KEEP_MEMORY


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=2048)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--k", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--pairs", type=int, default=7, help="interleaved rounds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--keep-memory", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def restarted(options: argparse.Namespace) -> None:
    """Start anew on so many cores and with the allocator's settings, which are read once."""
    wanted = {"OMP_NUM_THREADS": str(options.threads), "OPENBLAS_NUM_THREADS": str(options.threads)}
    wanted |= KEEP_MEMORY if options.keep_memory else {}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        import sys

        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)


def by_faiss(documents: np.ndarray, threads: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(documents.shape[1])
    index.add(documents)
    return index


def product_by_jax(queries: np.ndarray, documents: np.ndarray) -> Callable[[], None]:
    """Every block against every batch of queries, as the search has them, and nothing else."""
    import jax

    from jaxemb.retrieval import exact

    multiply = jax.jit(lambda q, d: jax.numpy.dot(q, d.T, precision=jax.lax.Precision.HIGHEST))
    batches = [queries[i : i + exact.BATCH] for i in range(0, len(queries), exact.BATCH)]

    def run() -> None:
        for start in range(0, len(documents), exact.BLOCK):
            block = jax.device_put(documents[start : start + exact.BLOCK])
            for batch in batches:
                jax.block_until_ready(multiply(batch, block))

    return run


def product_by_numpy(queries: np.ndarray, documents: np.ndarray) -> Callable[[], None]:
    def run() -> None:
        for start in range(0, len(documents), 4096):
            for first in range(0, len(queries), 1024):
                queries[first : first + 1024] @ documents[start : start + 4096].T

    return run


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def agreement(ours: tuple, theirs: tuple) -> dict[str, float]:
    """Equal places of the ids, and the largest difference of scores at any place."""
    (ids, scores), (their_scores, their_ids) = ours, theirs
    return {
        "equal_ids": float(np.mean(ids == their_ids)),
        "largest_score_difference": float(np.abs(scores - their_scores).max()),
    }


def measured(
    queries: np.ndarray, documents: np.ndarray, index: Any, k: int, pairs: int
) -> dict[str, Any]:
    from jaxemb.retrieval import top_k

    found: dict[str, Any] = {}
    sides = {
        "ours": lambda: found.update(ours=top_k(queries, documents, k)),
        "faiss": lambda: found.update(faiss=index.search(queries, k)),
        "product (jax)": product_by_jax(queries, documents),
        "product (numpy)": product_by_numpy(queries, documents),
    }
    # Compiling does not depend on how much is searched beyond the shape of one call.
    first = seconds(lambda: top_k(queries[:512], documents, k)) if pairs == 1 else 0.0
    if pairs > 1:
        first = seconds(sides["ours"])
        [work() for name, work in sides.items() if name != "ours"]
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(pairs):
        for name, work in sides.items():
            times[name].append(seconds(work))
    product = np.minimum(times["product (jax)"], times["product (numpy)"])
    ours = np.array(times["ours"])
    return {
        "k": k,
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "times_faster_than_faiss": ratio(np.array(times["faiss"]) / ours),
        "times_the_product": ratio(ours / product),
        "first_call_seconds": first,
        **agreement(found["ours"], found["faiss"]),
    }


def ratio(values: np.ndarray) -> dict[str, float]:
    return {
        "median": float(np.median(values)),
        "least": float(values.min()),
        "most": float(values.max()),
    }


def show(found: dict[str, Any], work: float) -> None:
    print(f"k = {found['k']}")
    for name, spent in found["seconds"].items():
        print(f"  {name:16s} {spent:8.2f} s   {work / spent / 1e9:6.0f} GFLOP/s")
    for name in ("times_faster_than_faiss", "times_the_product"):
        spread = found[name]
        text = name.replace("_", " ")
        print(f"  {text}: {spread['median']:.2f} ({spread['least']:.2f} to {spread['most']:.2f})")
    print(
        f"  equal ids {found['equal_ids']:.6f}, scores within "
        f"{found['largest_score_difference']:.1e}; first call {found['first_call_seconds']:.1f} s",
        flush=True,
    )


def main() -> None:
    options = arguments()
    restarted(options)
    draw = np.random.default_rng(0)
    queries, documents = (
        draw.standard_normal((rows, options.width), np.float32)
        for rows in (options.queries, options.documents)
    )
    index = by_faiss(documents, options.threads)
    work = 2 * options.queries * options.documents * options.width
    print(f"{options.queries} x {options.documents} x {options.width}, {options.threads} threads")
    found = []
    for k in options.k:
        found.append(measured(queries, documents, index, k, options.pairs))
        show(found[-1], work)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"options": vars(options), "found": found}, file, indent=1)


if __name__ == "__main__":
    main()
