"""dbt's profile: how it reaches the warehouse. The password is in its environment, in no file."""

from typing import Any, Literal

import yaml
from psycopg.conninfo import conninfo_to_dict

PASSWORD_VARIABLE = "DBT_ENV_SECRET_TIDEGATE_PASSWORD"  # noqa: S105 -- the name of a variable
"""dbt keeps the values of variables with this prefix out of its logs."""
_PASSED = ("sslmode", "sslrootcert")


def profile_text(
    url: str, *, kind: Literal["postgres", "redshift"], schema: str, threads: int
) -> tuple[str, str]:
    """The text of `profiles.yml`, and the password that it wants in `PASSWORD_VARIABLE`."""
    parts = conninfo_to_dict(url)
    port = int(parts.get("port") or (5432 if kind == "postgres" else 5439))
    output: dict[str, Any] = {
        "type": kind,
        "host": parts.get("host") or "127.0.0.1",
        "port": port,
        "user": parts.get("user"),
        "password": f"{{{{ env_var('{PASSWORD_VARIABLE}', '') }}}}",
        "dbname": parts.get("dbname"),
        "schema": schema,
        "threads": threads,
    }
    if kind == "postgres":
        output |= {name: parts[name] for name in _PASSED if parts.get(name)}
    elif parts.get("sslmode"):
        output["sslmode"] = parts["sslmode"]
    profile = {"tidegate": {"target": "warehouse", "outputs": {"warehouse": output}}}
    return yaml.safe_dump(profile, sort_keys=False), str(parts.get("password") or "")
