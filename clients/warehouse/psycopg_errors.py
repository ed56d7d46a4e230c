"""Turn psycopg's errors into ours: the one place that decides whether a refusal of the warehouse
will pass.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas.errors import CredentialsRejectedError, StatementError, UnavailableError

_SETTING = "TIDEGATE_WAREHOUSE__DSN"
_SERIALIZATION = "serializable isolation violation"


@contextmanager
def translated_psycopg(system: str) -> Iterator[None]:
    """Turn psycopg's errors into ours; `system` is how the warehouse is called in their
    sentences.
    """
    try:
        yield
    except (psycopg.errors.InvalidPassword, psycopg.errors.InvalidAuthorizationSpecification) as error:
        raise CredentialsRejectedError(
            system=system, error_code=error.sqlstate or "", detail=str(error), setting=_SETTING
        ) from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        if "authentication failed" in str(error):
            raise CredentialsRejectedError(
                system=system, error_code="28P01", detail=str(error), setting=_SETTING
            ) from error
        raise UnavailableError(system=system, detail=str(error).strip()) from error
    except psycopg.Error as error:
        if _is_conflict(error):
            raise UnavailableError(
                system=system, detail=f"the transaction lost a conflict ({_SERIALIZATION})"
            ) from error
        # The message's DETAIL may show a row; what is kept is the kind and the column.
        detail = f"{type(error).__name__} {error.sqlstate}: {error.diag.message_primary or ''}"
        raise StatementError(statement=error.diag.context or "", detail=detail) from error


def _is_conflict(error: psycopg.Error) -> bool:
    """Redshift's error 1023: two transactions that fit into no order; one of them is to try again.

    SQLSTATE 40001 is an OperationalError already, but Redshift also sends XX000 with the bare
    number as its message:
    https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation-serializable-isolation-troubleshooting.html
    """
    return _SERIALIZATION in str(error).lower() or error.diag.message_primary == "1023"
