"""Salesforce's own words about a refused row: kept encrypted, since they may quote any value of it.

The code and the fields are in plaintext beside them, with a remedy of ours.
"""

from collections.abc import Callable

from transforms.pii import Protector

CONTEXT = "writeback.words"


class RefusalWords:
    """Encrypts words, and shows them to those who may see values. Blocks when first used."""

    def __init__(self, protector: Callable[[], Protector]) -> None:
        """`protector` is called when the first words come, so that nothing has to answer before."""
        self._open = protector
        self._protector: Protector | None = None

    def seal(self, words: str) -> str | None:
        """The words as a token; None for none."""
        return self._ready().encrypt(CONTEXT, words) if words else None

    def reveal(self, token: str | None) -> str | None:
        """The words behind a token; None for none, or for a token that no key here opens."""
        if not token:
            return None
        try:
            return str(self._ready().decrypt(CONTEXT, token))
        except ValueError:
            return None

    def _ready(self) -> Protector:
        if self._protector is None:
            self._protector = self._open()
        return self._protector
