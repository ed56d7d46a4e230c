"""Rights of the engine's user: it reads and writes rows, and makes nothing.

The statements are those that PostgreSQL and Redshift share. They are run by the owner of the
tables, and cover the tables that the same owner makes later.
"""

from collections.abc import Sequence

import psycopg
from psycopg.errors import InsufficientPrivilege, UndefinedObject

from clients.database.audit_log import AUDIT_LOG
from schemas.errors import MigrationMissingError, SettingsError
from schemas.tables import quoted

_ROWS = "SELECT, INSERT, UPDATE, DELETE"


def warehouse_grants(schemas: Sequence[str], database: str, role: str) -> list[str]:
    """The statements that let `role` write the warehouse's rows and use temporary tables."""
    to = quoted(role)
    statements = [f"GRANT TEMPORARY ON DATABASE {quoted(database)} TO {to}"]
    for schema in schemas:
        statements += [
            f"GRANT USAGE ON SCHEMA {schema} TO {to}",
            f"GRANT {_ROWS} ON ALL TABLES IN SCHEMA {schema} TO {to}",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {_ROWS} ON TABLES TO {to}",
        ]
    return statements


def operational_grants(role: str) -> list[str]:
    """The statements that let `role` write the operational store's rows. The audit log is only
    added to.
    """
    to, log = quoted(role), quoted(AUDIT_LOG.name)
    return [
        f"GRANT USAGE ON SCHEMA public TO {to}",
        f"GRANT {_ROWS} ON ALL TABLES IN SCHEMA public TO {to}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {to}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {_ROWS} ON TABLES TO {to}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {to}",
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {log} FROM {to}",
    ]


def grant(connection: psycopg.Connection, statements: Sequence[str], system: str, role: str) -> None:
    """Run the statements in one transaction.

    Raises:
        SettingsError: There is no such role.
        MigrationMissingError: The user may not give these rights.
    """
    try:
        with connection.transaction():
            for statement in statements:
                connection.execute(statement.encode())
    except UndefinedObject as error:
        raise SettingsError(
            f"{system} has no role {role}. Make it (CREATE ROLE … LOGIN), or correct --grant."
        ) from error
    except InsufficientPrivilege as error:
        told = error.diag.message_primary or str(error)
        raise MigrationMissingError(system=system, missing=f"the rights of {role}", detail=told) from error
