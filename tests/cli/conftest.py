"""A command line of one process."""

import pytest

from jaxemb.__main__ import main


@pytest.fixture
def line(capsys):
    """Runs a command; gives its exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return run
