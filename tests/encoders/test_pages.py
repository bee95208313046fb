"""The Python on the pages about networks runs, and gives what its comments say."""

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["encoders.md", "pooling.md"])
def test_the_code_on_the_page_gives_what_its_comments_say(page):
    blocks = re.findall(
        r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE
    )
    space, compared = {}, 0
    for block in blocks:
        exec(compile(block, page, "exec"), space)
        for code, said in re.findall(r"^(\S.*?)  +# (\(.*?\)|True|False)", block, re.MULTILINE):
            assert eval(code, space) == ast.literal_eval(said), code
            compared += 1
    assert compared >= 2
