"""Turn psycopg's errors into ours: the one place that decides whether a refusal of the warehouse
will pass.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas.errors import CredentialsRejectedError, StatementError, UnavailableError

_SETTING = "TIDEGATE_WAREHOUSE__DSN"
_SERIALIZATION = "serializable isolation violation"
_METHOD_13 = "authentication method 13"
_SHA256_SETTING = (
    "how the user logs in: Redshift keeps its password as SHA-256, which libpq cannot prove. "
    "Set TIDEGATE_WAREHOUSE__AUTH=iam, or ALTER USER … PASSWORD 'md5…'"
)
_INTERNAL = "XX"
_TERMINAL_WORDS = (
    "stl_load_errors",
    "incompatible parquet schema",
    "value too long",
    "invalid type",
    "assert",
    "exceeded the query-processing limit",
    "not authorized to assume",
    "access denied",
    "the specified bucket does not exist",
)
"""Of Redshift's internal errors, those that will not pass: a row or a file that COPY does not take,
a statement beyond its limits, a role without rights.
"""
MOST_SECONDS = 15 * 60.0
"""How long an unknown internal error is tried again before it is taken for one that will not
pass.
"""
_FORGOTTEN_SECONDS = 5 * 60.0
_first_seen: dict[str, tuple[float, float]] = {}
"""First line of an internal error, without its numbers -> when it was first and last seen."""
_lock = threading.Lock()


@contextmanager
def translated_psycopg(system: str) -> Iterator[None]:
    """Turn psycopg's errors into ours; `system` is how the warehouse is called in their
    sentences.
    """
    try:
        yield
    except (psycopg.errors.InvalidPassword, psycopg.errors.InvalidAuthorizationSpecification) as error:
        raise _rejected(system, error, error.sqlstate or "") from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        if "authentication failed" in str(error) or _METHOD_13 in str(error):
            raise _rejected(system, error, "28P01") from error
        raise UnavailableError(system=system, detail=str(error).strip()) from error
    except psycopg.Error as error:
        if _is_conflict(error):
            raise UnavailableError(
                system=system, detail=f"the transaction lost a conflict ({_SERIALIZATION})"
            ) from error
        # The message's DETAIL may show a row; what is kept is the kind and the first line.
        told = error.diag.message_primary or str(error).partition("\n")[0]
        if (error.sqlstate or "").startswith(_INTERNAL) and _may_pass(str(error)):
            raise UnavailableError(system=system, detail=told) from error
        detail = f"{type(error).__name__} {error.sqlstate}: {told}"
        raise StatementError(statement=error.diag.context or "", detail=detail) from error


def _rejected(system: str, error: psycopg.Error, code: str) -> CredentialsRejectedError:
    setting = _SHA256_SETTING if _METHOD_13 in str(error) else _SETTING
    return CredentialsRejectedError(
        system=system, error_code=code, detail=str(error).strip(), setting=setting
    )


def _is_conflict(error: psycopg.Error) -> bool:
    """Redshift's error 1023: two transactions that fit into no order; one of them is to try again.

    SQLSTATE 40001 is an OperationalError already, but Redshift also sends XX000 with the bare
    number as its message:
    https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html
    """
    return _SERIALIZATION in str(error).lower() or error.diag.message_primary == "1023"


def _may_pass(told: str) -> bool:
    """True for an internal error that is to be tried again.

    Redshift sends S3's "SlowDown", Spectrum's faults, lost nodes, its error 1018 and "could not
    open relation with OID" as XX000, as it does what will never pass. So all but what is known is
    tried again, for `MOST_SECONDS`.
    """
    words = told.lower()
    if any(known in words for known in _TERMINAL_WORDS):
        return False
    kind, now = re.sub(r"\d+", "#", words.partition("\n")[0]), time.monotonic()
    with _lock:
        first, last = _first_seen.get(kind, (now, now))
        if now - last > _FORGOTTEN_SECONDS:
            first = now
        _first_seen[kind] = (first, now)
    return now - first < MOST_SECONDS
