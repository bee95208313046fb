"""The process that reads documentation: `python -m jaxemb.data.pydocs.worker`.

Tasks come as one JSON list on standard input; one line of JSON per task goes out, in order.
"""

import json
import os
import sys
import warnings
from typing import Any

from jaxemb.data.pydocs.compiled import inspect_module, topics
from jaxemb.data.pydocs.installation import Source
from jaxemb.data.pydocs.parse import parse


def main() -> None:
    """Answer the tasks: `["source", package, module, path]`, `["compiled", package, module]`, …"""
    warnings.simplefilter("ignore")  # other people's invalid escapes and deprecations
    # A module may print when it is imported: only our lines may reach the pipe.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for task in json.load(sys.stdin):
        print(json.dumps(_answer(*task)), file=out, flush=True)
    out.close()


def _answer(kind: str, *arguments: str) -> dict[str, Any]:
    if kind == "source":
        return parse(Source(*arguments))
    return inspect_module(*arguments) if kind == "compiled" else topics()


if __name__ == "__main__":
    main()
