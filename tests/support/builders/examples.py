"""How many random examples a test of a law draws."""

import os

TIMES = int(os.environ.get("TEST_EXAMPLES", "1"))
"""Times the examples of `make test`: a law must be able to fail there, and is searched for longer
by `make test-costly`. From TEST_EXAMPLES; default 1.
"""


def examples(few: int) -> int:
    """As many as `max_examples` gets: `few` in `make test`, several times as many elsewhere."""
    return few * TIMES
