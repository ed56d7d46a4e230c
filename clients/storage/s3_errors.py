"""AWS' errors in our words: what S3 and KMS answer becomes one of the error tree's, or one of the
two that a caller expects.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from schemas.errors import CredentialsRejectedError, TerminalError, UnavailableError

_REFUSED = {
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "403",
}
_MISSING = {"NoSuchKey", "404"}
_GARBLED = {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
"""The body that S3 received is not the one that was sent."""
_EXISTS = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


class S3KeyTakenError(Exception):
    """An object was to be created, and one has its key."""


class S3KeyAbsentError(Exception):
    """No object has the key."""


@contextmanager
def translated_s3(system: str) -> Iterator[None]:
    """Raise AWS' errors as ours. `system`: its name in them."""
    try:
        yield
    except NoCredentialsError as error:
        raise CredentialsRejectedError(
            system=system,
            error_code="NoCredentials",
            detail=str(error),
            setting="TIDEGATE_S3__ACCESS_KEY or the role",
        ) from error
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _EXISTS:
            raise S3KeyTakenError from error
        if code in _MISSING:
            raise S3KeyAbsentError from error
        if code in _REFUSED:
            raise CredentialsRejectedError(
                system=system,
                error_code=code,
                detail=str(error),
                setting="TIDEGATE_S3__ACCESS_KEY and _SECRET_KEY",
            ) from error
        if status >= 500 or code in {"SlowDown", "RequestTimeout", "Throttling"} | _GARBLED:
            raise UnavailableError(system=system, detail=str(error)) from error
        raise TerminalError(f"{system} refuses: {error}. Check bucket, key and permissions.") from error
    except BotoCoreError as error:
        raise UnavailableError(system=system, detail=str(error)) from error
