"""Settings of every PostgreSQL session: one that stops in the middle of a transaction lets the
others go on.
"""

IDLE_SECONDS = 60
"""Time that a session may be silent within a transaction until the server ends it and its locks are
free.

A process that is frozen, or whose machine has gone, would else hold its locks for as long as it
stays so. `idle_in_transaction_session_timeout` (PostgreSQL manual, 19.11 Client Connection
Defaults).
"""


def session_options() -> str:
    """For libpq's `options`; without a blank, which an address would have to spell."""
    return f"-cidle_in_transaction_session_timeout={round(IDLE_SECONDS * 1_000)}"
