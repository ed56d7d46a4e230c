"""Encrypted values wherever they stand, for searches that look behind them."""

import re

from transforms.pii.tokens import PREFIXES

TOKEN = re.compile(f"(?:{'|'.join(map(re.escape, PREFIXES))})[\\w-]+\\.[\\w=-]+".encode())
"""A token of any form within bytes. A blind index behind it tells nothing and is left out."""
