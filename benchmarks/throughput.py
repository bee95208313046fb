"""Encoding and training beside sentence-transformers: the same shapes, texts and token ids.

Run      pip install -e ".[parity]" && python benchmarks/throughput.py     # about 10 minutes, 2 cores
Prints   non-pad tokens per second of both, their ratio, padding efficiency, and the share of the rate
         at which the machine multiplies the model's own matrices. Medians of interleaved pairs;
         compilation and warming up are apart. Each side has a process of its own, idle while the
         other works: in one process their threads and their memory get in each other's way.

Both sides read one WordPiece vocabulary trained on the texts. The peer is a randomly initialised
BERT of equal layers, width, heads and feed-forward width, built from its configuration: nothing is
downloaded. Encoding is each side's own `encode(texts)`, from strings to unit vectors, with the rows
a call that suit it. Training is a step on batches tokenised beforehand: dropout of one rate on both
sides, in-batch negatives, clipping, AdamW in float32. The peer's step is its own model, loss and
torch.optim without the trainer around them.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

from jaxemb.runtime.memory import KEEP_MEMORY


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=64, help="longest text")
    parser.add_argument("--texts", type=int, default=512, help="texts an encoding")
    parser.add_argument("--rows", type=int, default=64, help="pairs a training batch")
    parser.add_argument("--steps", type=int, default=2, help="training steps a timing")
    parser.add_argument("--call", type=int, help="texts per call of our encoder; its own choice")
    parser.add_argument("--peer-call", type=int, default=32, help="texts per call of the peer's")
    parser.add_argument("--pairs", type=int, default=7, help="interleaved timings of both sides")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--keep-memory", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


# --- the data both sides read


def pairs() -> list[tuple[str, str]]:
    """Summaries and bodies of docstrings."""
    from jaxemb.data import Pairs, PyDocs

    examples = Pairs(source=PyDocs(), split="train").examples()
    return [(example["query"], example["positive"]) for example in examples]


def tokenizer(texts: Iterable[str], options: argparse.Namespace) -> Any:
    from jaxemb.text import WordPiece

    return WordPiece(vocabulary=8192, max_tokens=options.tokens).train(texts)


# --- the two sides


class Ours:
    """jaxemb: `Model.encode`, and the step that `train` runs."""

    def __init__(self, tokenizer: Any, options: argparse.Namespace):
        import dataclasses

        import jax

        from jaxemb.encoders import Transformer
        from jaxemb.losses import InfoNCE
        from jaxemb.model import Embedder, Model
        from jaxemb.pooling import Mean
        from jaxemb.tokens import TokenTable
        from jaxemb.training import AdamW

        encoder = Transformer(
            layers=options.layers, width=options.width, heads=options.heads,
            dropout=options.dropout, dtype=options.dtype,
        )  # fmt: skip
        embedder = Embedder(
            text=tokenizer.text, tokens=TokenTable(), encoder=encoder, pooling=Mean()
        )
        model = Model.create(embedder, jax.random.key(0))
        self.model = dataclasses.replace(model, tokenizer=tokenizer)
        self.options, self.loss, self.optimizer = options, InfoNCE(), AdamW()
        self.program = self.state = self.kept = None

    def encode(self, texts: list[str]) -> Any:
        return self.model.encode(texts, batch_size=self.options.call)

    def encode_padding(self, texts: list[str], lengths: list[int]) -> int:
        """Padded tokens of an encoding."""
        from jaxemb.text import group_by_length

        groups = group_by_length(lengths, self.options.tokens, rows=self.options.call)
        return sum(group.rows * group.tokens for group in groups)

    def batch(self, columns: list[list[Any]]) -> tuple[dict[str, Any], int]:
        """A training batch and how many tokens it has with padding."""
        import numpy as np

        from jaxemb.text import bucket, pad

        longest = [bucket(max(map(len, column)), self.options.tokens) for column in columns]
        query, positive = (pad(c, n) for c, n in zip(columns, longest, strict=True))
        ids = np.arange(len(columns[0]), dtype=np.int32)
        batch = {"query": query, "positive": positive, "query_id": ids, "positive_id": ids}
        return batch, query.ids.size + positive.ids.size

    def feed(self, batches: list[list[list[Any]]]) -> int:
        """Keeps the batches that `train` reads; how many tokens they have with padding."""
        made = [self.batch(columns) for columns in batches]
        self.batches = [batch for batch, _ in made]
        return sum(tokens for _, tokens in made)

    def train(self) -> None:
        import jax

        self.program or self._prepare()
        for batch in self.batches:
            self.state, metrics = self.program(self.state, self.kept, 1e-3, batch)
        jax.block_until_ready(metrics)

    def matrix_rate(self) -> float:
        """FLOP/s at which JAX multiplies the model's own shapes."""
        import jax
        import jax.numpy as jnp

        arrays, work = matrices(self.options)
        arrays = [tuple(jnp.asarray(x, self.options.dtype) for x in pair) for pair in arrays]
        wide = jnp.float32
        multiply = jax.jit(
            lambda pairs: [jnp.matmul(a, b, preferred_element_type=wide) for a, b in pairs]
        )
        return best_rate(lambda: jax.block_until_ready(multiply(arrays)), work)

    def _prepare(self) -> None:
        import jax

        from jaxemb.runtime import Runtime
        from jaxemb.training import Everything, Full
        from jaxemb.training.state import create
        from jaxemb.training.step import Compiles, program, start

        runtime, network, trains = Runtime(), self.model.embedder, Everything()
        optimizer, key = self.optimizer.direction_alone, jax.random.key(1)
        moving, kept, memory, _ = start(
            network, self.loss, trains, self.model.params, self.batches[0], key
        )
        self.state = runtime.place(create(moving, memory, optimizer.transform(moving), key))
        self.kept = runtime.place(kept)
        compiles = Compiles(network, self.loss, Full(), optimizer, trains, runtime)
        self.program = program(compiles, self.state, self.kept)


class Peer:
    """sentence-transformers over a BERT of the same shape."""

    def __init__(self, tokenizer: Any, options: argparse.Namespace):
        import torch
        from sentence_transformers.losses import MultipleNegativesRankingLoss

        torch.set_num_threads(options.threads)
        torch.manual_seed(0)
        self.options = options
        self.model = _bert(tokenizer, options)
        self.loss = MultipleNegativesRankingLoss(self.model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def _half(self) -> Any:
        import torch

        on = self.options.dtype == "bfloat16"
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=on)

    def encode(self, texts: list[str]) -> Any:
        with self._half():
            return self.model.encode(
                texts, batch_size=self.options.peer_call, normalize_embeddings=True
            )

    def encode_padding(self, texts: list[str], lengths: list[int]) -> int:
        """Padded tokens of an encoding: longest string first, a call as long as its longest text."""
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        rows = self.options.peer_call
        calls = [[lengths[j] for j in order[i : i + rows]] for i in range(0, len(order), rows)]
        return sum(len(call) * max(call) for call in calls)

    def batch(self, columns: list[list[Any]]) -> tuple[list[dict[str, Any]], int]:
        """A training batch of the same ids, each column as long as its longest text."""
        import torch

        from jaxemb.text import pad

        padded = [pad(column, max(map(len, column))) for column in columns]
        features = [
            {"input_ids": torch.tensor(p.ids).long(), "attention_mask": torch.tensor(p.mask).long()}
            for p in padded
        ]
        return features, sum(p.ids.size for p in padded)

    def feed(self, batches: list[list[list[Any]]]) -> int:
        """Keeps the batches that `train` reads; how many tokens they have with padding."""
        made = [self.batch(columns) for columns in batches]
        self.batches = [batch for batch, _ in made]
        return sum(tokens for _, tokens in made)

    def train(self) -> None:
        import torch

        self.model.train()
        for features in self.batches:
            self.optimizer.zero_grad()
            with self._half():
                loss = self.loss([dict(column) for column in features], None)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        self.model.eval()

    def matrix_rate(self) -> float:
        """FLOP/s at which torch multiplies the model's own shapes."""
        import torch

        arrays, work = matrices(self.options)
        kind = getattr(torch, self.options.dtype)
        arrays = [tuple(torch.tensor(x).to(kind) for x in pair) for pair in arrays]
        return best_rate(lambda: [a @ b for a, b in arrays], work)


def _bert(tokenizer: Any, options: argparse.Namespace) -> Any:
    """A randomly initialised BERT with mean pooling, read from a folder as the peer wants it."""
    import tokenizers
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    config = BertConfig(
        vocab_size=tokenizer.text.vocabulary, hidden_size=options.width,
        num_hidden_layers=options.layers, num_attention_heads=options.heads,
        intermediate_size=4 * options.width, max_position_embeddings=512,
        hidden_dropout_prob=options.dropout, attention_probs_dropout_prob=options.dropout,
    )  # fmt: skip
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
    backend = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    with tempfile.TemporaryDirectory() as folder:
        BertModel(config).save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
        transformer = models.Transformer(folder, max_seq_length=options.tokens)
    pooling = models.Pooling(options.width, pooling_mode="mean")
    return SentenceTransformer(modules=[transformer, pooling], device="cpu")


# --- measuring


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class Process:
    """One side in a process of its own; `call` runs a method there, `timed` says how long it took."""

    def __init__(self, kind: type, tokenizer: Any, options: argparse.Namespace):
        import multiprocessing

        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        arguments = (theirs, kind, tokenizer.to_json(), tokenizer.text, options)
        spawn.Process(target=serve, args=arguments, daemon=True).start()

    def call(self, method: str, *arguments: Any) -> Any:
        self._pipe.send((method, arguments))
        return self._pipe.recv()[0]

    def timed(self, method: str, *arguments: Any) -> float:
        self._pipe.send((method, arguments))
        return self._pipe.recv()[1]


def serve(pipe: Any, kind: type, tokenizer: str, text: Any, options: argparse.Namespace) -> None:
    """Answers each `(method, arguments)` with its result, where it can be sent, and its seconds."""
    from jaxemb.text import Tokenizer

    side = kind(Tokenizer.from_json(tokenizer, text), options)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        started = time.perf_counter()
        result = getattr(side, method)(*arguments)
        pipe.send(
            (result if isinstance(result, (int, float)) else None, time.perf_counter() - started)
        )


def interleaved(ours: Process, peer: Process, method: str, *arguments: Any) -> tuple[list, list]:
    """Both timed in turn, so that what else the machine does falls on both alike."""
    pairs = arguments[-1]
    times = [
        (ours.timed(method, *arguments[:-1]), peer.timed(method, *arguments[:-1]))
        for _ in range(pairs)
    ]
    return [a for a, _ in times], [b for _, b in times]


def flops_a_token(options: argparse.Namespace, length: float) -> float:
    """Forward, of a token in a text of `length`: `2 N + 4 layers width length`."""
    return options.layers * (24 * options.width**2 + 4 * options.width * length)


def matrices(options: argparse.Namespace) -> tuple[list[tuple[Any, Any]], int]:
    """Operands of a layer's products for 1,024 tokens, and how many FLOPs they take."""
    import numpy as np

    rows, width = 1024, options.width
    shapes = [(width, width)] * 4 + [(width, 4 * width), (4 * width, width)]
    rng = np.random.default_rng(0)
    arrays = [
        (rng.normal(size=(rows, k)).astype("f"), rng.normal(size=(k, n)).astype("f"))
        for k, n in shapes
    ]
    return arrays, 2 * rows * sum(k * n for k, n in shapes)


def best_rate(multiply: Callable[[], Any], work: int, repeats: int = 20) -> float:
    """FLOP/s of the best of five timings."""
    multiply()
    times = [seconds(lambda: [multiply() for _ in range(repeats)]) for _ in range(5)]
    return repeats * work / min(times)


def figures(
    ours: list[float], peer: list[float], tokens: int, flops: float, rate: float, padded: Any
) -> dict[str, Any]:
    """Medians of both sides, and of the ratios within pairs."""
    mine, theirs = statistics.median(ours), statistics.median(peer)
    ratios = [b / a for a, b in zip(ours, peer, strict=True)]
    return {
        "tokens_per_second": {"ours": tokens / mine, "peer": tokens / theirs},
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "padding_efficiency": {name: tokens / n for name, n in padded.items()},
        "share_of_matrix_rate": {
            "ours": flops / mine / rate,
            "peer": flops / theirs / rate,
        },
    }


def encoding(sides: tuple, texts: list[str], lengths: list[int], rate: float) -> dict[str, Any]:
    ours, peer, options = sides
    compiling = ours.timed("encode", texts)
    peer.timed("encode", texts)
    times = interleaved(ours, peer, "encode", texts, options.pairs)
    flops = sum(n * flops_a_token(options, n) for n in lengths)
    padded = {
        name: side.call("encode_padding", texts, lengths)
        for name, side in (("ours", ours), ("peer", peer))
    }
    return figures(*times, sum(lengths), flops, rate, padded) | {"first_call_seconds": compiling}


def training(sides: tuple, columns: list[list[Any]], rate: float) -> dict[str, Any]:
    ours, peer, options = sides
    cuts = range(0, options.rows * options.steps, options.rows)
    batches = [[column[i : i + options.rows] for column in columns] for i in cuts]
    padded = {"ours": ours.call("feed", batches), "peer": peer.call("feed", batches)}
    compiling = ours.timed("train")
    for side in (peer, ours, peer):
        side.timed("train")
    times = interleaved(ours, peer, "train", options.pairs)
    lengths = [len(ids) for batch in batches for column in batch for ids in column]
    flops = 3 * sum(n * flops_a_token(options, n) for n in lengths)
    return figures(*times, sum(lengths), flops, rate, padded) | {"first_call_seconds": compiling}


def show(name: str, found: dict[str, Any]) -> None:
    tokens, eta, share = (
        found[key] for key in ("tokens_per_second", "padding_efficiency", "share_of_matrix_rate")
    )
    low, high = found["ratio_range"]
    print(f"{name}: {found['ratio']:.2f}x the peer (pairs {low:.2f} to {high:.2f})")
    for side in ("ours", "peer"):
        print(
            f"  {side:5s} {tokens[side]:9,.0f} non-pad tokens/s   padding efficiency {eta[side]:.2f}"
            f"   share of matrix rate {share[side]:.2f}"
        )
    print(f"  first call with compilation: {found['first_call_seconds']:.1f} s")


def main() -> None:
    options = arguments()
    if options.keep_memory:
        os.environ.update(KEEP_MEMORY)  # the sides are processes yet to start
    import numpy as np

    data = pairs()
    known = tokenizer((text for pair in data for text in pair), options)
    chosen = np.random.default_rng(0).permutation(len(data))
    picked = [data[i] for i in chosen[: max(options.texts, options.rows * options.steps)]]
    ours, peer = (Process(kind, known, options) for kind in (Ours, Peer))
    rate = max(side.call("matrix_rate") for side in (ours, peer))
    print(f"{options.layers} layers x {options.width}, {options.threads} threads, {options.dtype}")
    print(f"the model's matrices: {rate / 1e9:.0f} GFLOP/s")
    texts = [pair[i % 2] for i, pair in enumerate(picked)][: options.texts]
    found = {"options": vars(options), "matrix_rate": rate}
    sides = (ours, peer, options)
    lengths = [len(ids) for ids in known.encode(texts)]
    found["encode"] = encoding(sides, texts, lengths, rate)
    show("encode", found["encode"])
    columns = [known.encode([pair[i] for pair in picked]) for i in (0, 1)]
    found["train"] = training(sides, columns, rate)
    show("train", found["train"])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
