"""Tables of webhooks in the operational store; `step_0011_webhooks` makes them. No table holds a
record's values, or a secret in plaintext.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

_METADATA = sa.MetaData()
_Time = sa.DateTime(timezone=True)

WEBHOOK = sa.Table(
    "webhook",
    _METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("records", JSONB, nullable=False),
    # [{"key": id, "sealed": base64, "until": time or null}], the newest first
    sa.Column("secrets", JSONB, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("because", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.String(255), nullable=False),
    sa.Column("made_at", _Time, nullable=False),
    sa.Column("changed_by", sa.String(255), nullable=False),
    sa.Column("changed_at", _Time, nullable=False),
    sa.Column("delivered_at", _Time),
    sa.Column("failing_since", _Time),
    sa.Column("failure", sa.Text, nullable=False, server_default=""),
)
WEBHOOK_CURSOR = sa.Table(
    "webhook_cursor",
    _METADATA,
    sa.Column("webhook", sa.String(64), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("cursor", sa.String(100), nullable=False),
    sa.Column("through", _Time, nullable=False),
)
WEBHOOK_HELD = sa.Table(
    "webhook_held",
    _METADATA,
    sa.Column("webhook", sa.String(64), primary_key=True),
    sa.Column("object", sa.String(80), primary_key=True),
    sa.Column("cursor", sa.String(100), primary_key=True),
    sa.Column("record_id", sa.String(18), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failed_at", _Time),
    sa.Column("next_try_at", _Time, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("dead_at", _Time),
)
