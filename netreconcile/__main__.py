"""`python -m netreconcile`."""

import sys

from netreconcile.cli import main

sys.exit(main())
