"""Who the org is and whom it lets in. Made at the first start, the same ever after, known to the
supervisor by `org.json`.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.org.schema.ids import eighteen

IDENTITY_FILE = "org.json"
KEY_FILE = "jwt_private_key.pem"
CLIENT_ID_VARIABLE = "SANDBOX_CLIENT_ID"
CLIENT_SECRET_VARIABLE = "SANDBOX_CLIENT_SECRET"  # noqa: S105 -- the name of a variable
"""Environment variables by which a new org's connected app is known beforehand: a container cannot
read the org's file.
"""
CONNECTED_APP = "tidegate"
"""Name of the org's one connected app."""
COMMAND_LINE = "PlatformCLI"
"""Client id of the connected app that every org has for the Salesforce CLI (Salesforce DX Developer
Guide, "Authorization"); it has no secret.
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """The org's id and the one integration user with its connected app."""

    org_id: str
    """18 characters."""
    user_id: str
    username: str
    password: str
    client_id: str
    client_secret: str
    refresh_token: str
    private_key_file: str
    """PEM file of the RSA key that signs JWT bearer assertions; its public half is what the org
    trusts.
    """


def load_identity(folder: Path) -> Identity:
    """Read the identity of the org in `folder`, or make it when the folder is new."""
    path = folder / IDENTITY_FILE
    if path.exists():
        return Identity(**json.loads(path.read_text()))
    folder.mkdir(parents=True, exist_ok=True)
    identity = _new_identity(_write_private_key(folder / KEY_FILE))
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(identity), indent=2))
    draft.chmod(0o600)
    draft.replace(path)
    return identity


def _new_identity(key_file: Path) -> Identity:
    return Identity(
        org_id=eighteen("00DTg0000000001"),
        user_id=eighteen("005Tg0000000001"),
        username="integration@tidegate.example",
        password=secrets.token_urlsafe(12),
        client_id=os.environ.get(CLIENT_ID_VARIABLE) or "3MVG9" + secrets.token_urlsafe(60),
        client_secret=os.environ.get(CLIENT_SECRET_VARIABLE) or secrets.token_hex(32).upper(),
        refresh_token="5Aep861" + secrets.token_urlsafe(48),
        private_key_file=str(key_file.resolve()),
    )


def _write_private_key(path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    return path
