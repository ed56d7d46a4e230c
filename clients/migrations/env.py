"""Alembic's way in: the connection of whoever asked, within that transaction."""

from alembic import context

from clients.writebacks.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
