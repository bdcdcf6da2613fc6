"""`python -m graph_engine` is the command line."""

import sys

from graph_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
