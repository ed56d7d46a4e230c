"""The audit log says how an act came in, finds one in the time of an index, and is append-only for
the engine's role.

The engine connects with a role that is a member of `tidegate_engine`; tables belong to the role
that migrates. Where that one may not create roles, an administrator creates `tidegate_engine`
before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_CREATE_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidegate_engine') THEN
        CREATE ROLE tidegate_engine NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$
"""
_GRANTS = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidegate_engine') THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA public TO tidegate_engine;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tidegate_engine;
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tidegate_engine;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tidegate_engine;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO tidegate_engine;
    REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON audit_log FROM tidegate_engine;
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM tidegate_engine;
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END $$
"""


def upgrade() -> None:
    """Make what older releases made at their start, then what is new, then the grants."""
    present = sa.inspect(op.get_bind()).get_table_names()
    if "audit_log" not in present:
        _make_audit_log()
    if "request_key" not in present:
        _make_request_key()
    op.add_column("audit_log", sa.Column("version", sa.SmallInteger, nullable=False, server_default="1"))
    op.add_column("audit_log", sa.Column("origin", sa.Text, nullable=False, server_default=""))
    op.add_column("audit_log", sa.Column("nonce", sa.String(64), nullable=True))
    op.create_index("audit_log_at", "audit_log", ["at"])
    op.create_index("audit_log_nonce", "audit_log", ["nonce"], postgresql_where=sa.text("nonce IS NOT NULL"))
    is_seal = sa.text("act = 'writeback.batch'")
    op.create_index("audit_log_target", "audit_log", ["target"], postgresql_where=is_seal)
    op.execute(_CREATE_ROLE)
    op.execute(_GRANTS)


def _make_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("target", sa.String(1_000), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _make_request_key() -> None:
    op.create_table(
        "request_key",
        sa.Column("caller", sa.String(255), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("workflow_id", sa.String(255), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
