"""The rights by which COPY and UNLOAD use S3: a role, or keys.

https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-authorization.html
"""

from sandbox.redshift.load.storage import BY_KEYS
from sandbox.redshift.plan.plans import RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.rule import rule

CREDENTIALS = rule(
    "copy-credentials",
    "loads",
    "COPY and UNLOAD name IAM_ROLE, or keys.",
    "copy-parameters-authorization",
)


def read_rights(cursor: Cursor) -> str:
    """Step over IAM_ROLE, CREDENTIALS or keys: a role's ARN, or the name of keys for
    `Storage.role`. Empty when none stands here.
    """
    if cursor.take("IAM_ROLE"):
        return "default" if cursor.take("DEFAULT") else cursor.text()
    if cursor.take("WITH", "CREDENTIALS") or cursor.take("CREDENTIALS"):
        cursor.take("AS")
        return _of_text(cursor.text())
    if not cursor.take("ACCESS_KEY_ID"):
        return ""
    key = cursor.text()
    cursor.need("SECRET_ACCESS_KEY")
    secret = cursor.text()
    if cursor.one_of("SESSION_TOKEN", "TOKEN"):
        cursor.text()
    return f"{BY_KEYS}{key}:{secret}"


def _of_text(text: str) -> str:
    """Of `aws_iam_role=…` or `aws_access_key_id=…;aws_secret_access_key=…[;token=…]`."""
    given = dict(part.partition("=")[::2] for part in text.split(";"))
    if "aws_iam_role" in given:
        return given["aws_iam_role"]
    key, secret = given.get("aws_access_key_id", ""), given.get("aws_secret_access_key", "")
    if not key or not secret:
        raise RefusedError(
            CREDENTIALS, "Invalid credentials. Must be of the format: credentials 'aws_iam_role=...'"
        )
    return f"{BY_KEYS}{key}:{secret}"
