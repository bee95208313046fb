"""A program that passes on what a process of a run prints, and puts one sentence at its end.

Where the process that coordinates a run is killed, JAX ends the others with a page about its own
insides. `python last_words.py` reads standard error of such a process and prints it without that
page. It needs nothing but Python, and ends when the process does.
"""

import sys
from collections.abc import Iterable, Iterator

FATAL = (
    "Failed to retrieve preemption notice from coordination service",
    "Polled an error from coordination service",
    "Terminating process because the JAX distributed service detected fatal errors",
    "Use error polling to detect errors from coordination service",
)
TOLD = "error: "
"""How the sentence begins that a process prints itself where it has the time."""
SENTENCE = (
    "error: process 0 of this run has ended, and this one ends with it: see what process 0 printed; "
    "the same command goes on where this one stopped.\n"
)


def told(lines: Iterable[str]) -> Iterator[str]:
    """Lines up to the page that JAX ends with, in whose place stands one sentence.

    Example:
        >>> page = ["F1127 client.h:80] " + FATAL[1], "*** Check failure stack trace: ***"]
        >>> [line[:16] for line in told(["step 1", *page])]
        ['step 1', 'error: process 0']
    """
    said = False
    for line in lines:
        if any(words in line for words in FATAL):
            yield from () if said else (SENTENCE,)
            return
        said = said or line.startswith(TOLD)
        yield line


def main() -> None:
    """Pass on until the process has ended."""
    for line in told(sys.stdin):
        sys.stderr.write(line)
        sys.stderr.flush()
    for _ in sys.stdin:  # the rest of the page
        pass


if __name__ == "__main__":
    main()
