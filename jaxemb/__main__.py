"""`python -m jaxemb`, and the `jaxemb` script: the command line of `jaxemb.cli`."""

import sys

from jaxemb.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
