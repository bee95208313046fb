"""Models in use: `jaxemb eval`, `encode` and `export`, and `cache`, the vectors that are kept."""

import argparse
import re
import sys

from jaxemb.cli import console
from jaxemb.cli.printing import print_json
from jaxemb.config import UsageError
from jaxemb.report.text import amount, columns


def evaluate(options: argparse.Namespace) -> int:
    """`jaxemb eval MODEL`: scores of a model; 1 if a task could not be scored."""
    from jaxemb.study.scoring import Choice, score

    choice = Choice(
        suite=options.suite,
        data=options.data,
        names=_listed(options.tasks),
        families=_listed(options.families),
        max_tokens=options.max_tokens,
        store=not options.no_store,
        out=options.out,
        trained_on=options.contamination,
    )
    with console.watch() as emit:
        found = score(options.model, choice, emit)
    if options.json:
        print_json(found)
    else:
        print(console.suite_table(found))
    for name, error in found["failed"].items():
        print(f"failed  {name}: {error}", file=sys.stderr)
    return 1 if found["failed"] else 0


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def cache(options: argparse.Namespace) -> int:
    """`jaxemb cache`: the vectors that are kept, by model; `--clear` removes them."""
    from jaxemb.vectors import clear_store, store_folder, store_limit, stored_files
    from jaxemb.vectors.store import GIGABYTE, age

    if options.clear is not None:
        files, size = clear_store(model=options.clear)
        print(f"removed {files} files, {amount(size)}B")
        return 0
    rows = [("model", "weights", "role", "tokens", "layers", "vectors", "bytes", "used")]
    total = 0
    for file in sorted(stored_files(), key=lambda file: -file.used):
        about, total = file.about, total + file.bytes
        fields = (str(about.get(key, "?")) for key in ("role", "max_tokens", "layers"))
        sizes = (f"{file.vectors:,}", f"{amount(file.bytes)}B", age(file))
        rows.append((about.get("name", "?"), file.path.parent.name, *fields, *sizes))
    print(columns(rows) if len(rows) > 1 else "no vectors are kept")
    print(f"\n{amount(total)}B of {store_limit() / GIGABYTE:g} GB in {store_folder()}")
    return 0


def encode(options: argparse.Namespace) -> int:
    """`jaxemb encode MODEL FILE`: one vector per line."""
    from jaxemb.cli.encoding import encode_lines

    encode_lines(
        options.model,
        options.texts,
        options.out,
        dim=options.dim,
        layers=options.layers,
        batch_size=options.batch_size,
        prompt=options.prompt,
        role=options.role,
        show_progress=sys.stderr.isatty(),
    )
    return 0


def export(options: argparse.Namespace) -> int:
    """`jaxemb export MODEL FOLDER`: the model in a form that others read."""
    if options.to != "stablehlo" and (options.shapes or options.platforms):
        raise UsageError("--shapes and --platforms are for --to stablehlo.")
    shapes = [_shape(text) for text in options.shapes.split(",")] if options.shapes else []
    platforms = options.platforms.split(",") if options.platforms else []
    from jaxemb.interop import export, export_program, load

    model = load(options.model)
    if options.to == "stablehlo":
        place = export_program(model, options.folder, shapes=shapes, platforms=platforms)
    else:
        place = export(model, options.folder)
    print(f"written {place}")
    return 0


def _shape(text: str) -> tuple[int, int]:
    """Texts and tokens, of `16x128`."""
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text.strip())
    if found is None:
        raise UsageError(f"--shapes {text!r} must be texts x tokens, such as 16x128.")
    return int(found[1]), int(found[2])
