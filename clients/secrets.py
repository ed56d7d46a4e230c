"""Secrets behind references: AWS Secrets Manager, AWS Parameter Store, files.

A value is kept for a minute, so that many connections cost one call, and forgotten when a remote
system refuses it: a secret that is rotated is then read again.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from clients.aws_region import environment_region
from clients.ca_bundle import ca_bundle
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError
from schemas.security.secret_reference import SecretReference, SecretStore, secret_reference

KEPT_SECONDS = 60.0
"""How long a value is used before it is read again."""
_QUICK = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
_MISSING = {"ResourceNotFoundException", "ParameterNotFound", "InvalidRequestException"}
_REFUSED = {"AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException", "AccessDenied"}


class SecretReader:
    """Reads what references name. One for a process; threads share it."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._kept: dict[str, tuple[float, str]] = {}
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def read(self, text: str) -> str:
        """The secret: `text` itself, unless it is a reference. Blocks.

        Raises:
            SettingsError: The reference, its file or its field is wrong, or the secret is missing.
            CredentialsRejectedError: AWS does not let us read it.
            UnavailableError: AWS does not answer, and no value is kept.
        """
        reference = secret_reference(text)
        if reference is None:
            return text
        whole = SecretReference(reference.store, reference.name)
        return _part(reference, self._whole(whole))

    def forget(self) -> None:
        """Read every secret again when it is next asked for: one was refused."""
        with self._lock:
            self._kept = {name: (0.0, value) for name, (_, value) in self._kept.items()}

    def _whole(self, reference: SecretReference) -> str:
        with self._lock:  # of many threads one asks
            since, kept = self._kept.get(str(reference), (0.0, None))
            if kept is not None and since and time.monotonic() - since < self._kept_seconds:
                return kept
            try:
                value = _READ[reference.store](self, reference)
            except UnavailableError:
                if kept is None:
                    raise
                return kept  # the last one may still be good
            self._kept[str(reference)] = (time.monotonic(), value)
            return value

    def _from_secrets_manager(self, reference: SecretReference) -> str:
        client = self._client("secretsmanager", reference)
        with _translated(reference):
            answer = client.get_secret_value(SecretId=reference.name)
        if "SecretString" in answer:
            return str(answer["SecretString"])
        return bytes(answer["SecretBinary"]).decode()

    def _from_parameter_store(self, reference: SecretReference) -> str:
        client = self._client("ssm", reference)
        with _translated(reference):
            answer = client.get_parameter(Name=reference.name, WithDecryption=True)
        return str(answer["Parameter"]["Value"])

    def _from_file(self, reference: SecretReference) -> str:
        try:
            return Path(reference.name).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The secret {reference} cannot be read: {error}. Correct the path, or mount the file."
            ) from error

    def _client(self, service: str, reference: SecretReference) -> Any:
        region = reference.region or environment_region()
        if region is None:
            raise SettingsError(
                f"The secret {reference} names no region, nor does the environment. Set AWS_REGION, or give the ARN."
            )
        key = (service, region)
        if key not in self._clients:
            verify = ca_bundle("AWS_CA_BUNDLE")
            self._clients[key] = boto3.client(service, region_name=region, config=_QUICK, verify=verify)
        return self._clients[key]


_READ: Mapping[SecretStore, Callable[[SecretReader, SecretReference], str]] = {
    SecretStore.SECRETS_MANAGER: SecretReader._from_secrets_manager,
    SecretStore.PARAMETER_STORE: SecretReader._from_parameter_store,
    SecretStore.FILE: SecretReader._from_file,
}
SECRETS = SecretReader()
"""The process's own."""


def _part(reference: SecretReference, whole: str) -> str:
    if reference.field is None:
        return whole
    try:
        value = orjson.loads(whole)[reference.field]
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"The secret {reference.store}:{reference.name} is no JSON object with a field {reference.field}. "
            "Correct the name after #."
        ) from error
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@contextmanager
def _translated(reference: SecretReference) -> Iterator[None]:
    """AWS' errors become ours. None of them quotes the secret."""
    try:
        yield
    except (ClientError, NoCredentialsError) as error:
        code = "NoCredentials"
        if isinstance(error, ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING:
                raise SettingsError(
                    f"There is no secret {reference} ({code}). Correct the name or the region, or make it."
                ) from error
            if code not in _REFUSED:
                raise UnavailableError(system="AWS", detail=f"{reference}: {code}") from error
        raise CredentialsRejectedError(
            system="AWS", error_code=code, detail=str(reference), setting="that the role may read this secret"
        ) from error
    except BotoCoreError as error:
        raise UnavailableError(system="AWS", detail=f"{reference}: {type(error).__name__}") from error
