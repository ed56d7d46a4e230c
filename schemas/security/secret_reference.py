"""A secret setting that names where the secret is instead of holding it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import SettingsError


class SecretStore(StrEnum):
    """Where a secret is kept."""

    SECRETS_MANAGER = "secretsmanager"
    """AWS Secrets Manager: name or ARN of the secret."""
    PARAMETER_STORE = "ssm"
    """AWS Systems Manager Parameter Store: name or ARN of the parameter."""
    FILE = "file"
    """A file, such as one that a container's platform mounts."""


_FORM = re.compile(rf"({'|'.join(SecretStore)}):([^#]+)(?:#([^#]+))?", re.DOTALL)
_ARN_REGION = 3


@dataclass(frozen=True)
class SecretReference:
    """`secretsmanager:NAME#FIELD`, `ssm:NAME` or `file:PATH`."""

    store: SecretStore
    name: str
    field: str | None = None
    """Key of the JSON object that the secret is. None = all of its text."""

    @property
    def region(self) -> str | None:
        """AWS region of an ARN. None = the name does not say it."""
        parts = self.name.split(":")
        return parts[_ARN_REGION] if parts[0] == "arn" and len(parts) > _ARN_REGION else None

    def __str__(self) -> str:
        return f"{self.store}:{self.name}" + ("" if self.field is None else f"#{self.field}")


def secret_reference(text: str) -> SecretReference | None:
    """The reference that `text` is. None = it is the secret itself."""
    if not text.startswith(tuple(f"{store}:" for store in SecretStore)):
        return None
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise SettingsError(
            f"A secret begins as a reference to {text.partition(':')[0]} and is none. "
            "Write secretsmanager:NAME#FIELD, ssm:NAME or file:PATH; `#FIELD` may be left out."
        )
    return SecretReference(SecretStore(found[1]), found[2], found[3])
