"""Where a database is, and how its connection URL comes to be at every connect.

A password may be rotated and an IAM token lives for minutes, so a process that runs for weeks asks
for both again when it connects. Plain URLs are for the sandbox and for tests.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote, urlencode

from schemas.errors import CredentialsRejectedError

T = TypeVar("T")


@dataclass(frozen=True)
class DatabaseAddress:
    """A database whose URL is made when somebody connects."""

    url: Callable[[], str] = field(repr=False)
    """The present URL, with a password or token. May block, and raises a `TidegateError`."""
    renew: Callable[[], None] = lambda: None
    """Called when the login was refused: secrets are to be read again."""


Database = str | DatabaseAddress
"""A connection URL, or an address that makes one."""


def connection_url(database: Database) -> str:
    """The present URL of the database."""
    return database if isinstance(database, str) else database.url()


def connected(database: Database, connect: Callable[[str], T]) -> T:
    """The connection that `connect` opens with the database's URL.

    When the login is refused, secrets are read again and it is tried once more: the password may
    have been rotated since they were read.
    """
    try:
        return connect(connection_url(database))
    except Exception as error:
        if isinstance(database, str) or not _is_refused(error):
            raise
    database.renew()
    return connect(connection_url(database))


def _is_refused(error: Exception) -> bool:
    """True when the server refuses the login. libpq gives no SQLSTATE for it, but the server's
    sentence: password, PAM (IAM) or a role that is gone.
    """
    told = str(error)
    return (
        isinstance(error, CredentialsRejectedError)
        or "authentication failed" in told
        or ('role "' in told and "does not exist" in told)
    )


def url_of_parts(*, host: str, port: int, database: str, user: str, password: str | None) -> str:
    """The URL of a database that is given in parts. `password` None: the server asks for none."""
    login = quote(user, safe="") + ("" if password is None else f":{quote(password, safe='')}")
    place = f"[{host}]" if ":" in host else quote(host, safe=",.-_")
    return f"postgresql://{login}@{place}:{port}/{quote(database, safe='')}"


def with_parameters(url: str, **parameters: str) -> str:
    """The URL with more of libpq's parameters. A value may have any character."""
    separator = "&" if "?" in url else "?"
    # libpq takes %20 for a blank, and + for itself.
    return f"{url}{separator}{urlencode(parameters, quote_via=quote)}" if parameters else url
