"""Settings of an engine of which nothing answers: for what only reads them."""

from typing import Any

from workers.settings import Settings


def unreachable_settings(org: str, **groups: Any) -> Settings:
    """The settings of an org. `groups`: whole groups, such as `drift=DriftSettings(…)`."""
    return Settings(
        salesforce={
            "login_url": "https://login.example",
            "client_id": "id",
            "client_secret": "s",
            "org_id": org,
        },
        s3={"bucket": "b", "kms_key_id": "k"},
        warehouse={"dsn": "postgresql://nowhere"},
        operational={"dsn": "postgresql://nowhere"},
        **groups,
    )
