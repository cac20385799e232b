"""What alembic runs for every command; `catalog.schema` hands over the connection."""

from alembic import context

from catalog.migrations.options import OPTIONS

connection = context.config.attributes["connection"]
context.configure(connection=connection, **OPTIONS)
with context.begin_transaction():
    context.run_migrations()
