"""Settings of the audit log's anchors."""

from datetime import timedelta

from pydantic import Field

from schemas.settings.base import SettingsGroup


class AuditSettings(SettingsGroup):
    """Anchors of the audit log: its head, signed and kept where the engine cannot rewrite it."""

    bucket: str | None = None
    """Bucket for anchors, made with Object Lock, and with the region and credentials of `s3`. None
    = no anchors: acts cut off the end of the log cannot be seen then.
    """
    signing_key_id: str | None = None
    """KMS key ID or alias of an asymmetric key, ECC_NIST_P256 for SIGN_VERIFY, that signs
    anchors. Needed with `bucket`.
    """
    anchor_every: timedelta = Field(default=timedelta(minutes=5), ge=timedelta(seconds=1))
    """Between two anchors, where there is something new. Every process also writes one when it
    stops.
    """
    keep_days: int = Field(default=2_557, ge=1)
    """Days for which an anchor is locked. The default is seven years."""
