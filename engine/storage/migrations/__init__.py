"""Changes of the tables, oldest first. `engine.storage.sql.schema` runs them.

To add one: change the tables, then on a scratch database at the present head

    alembic -c engine/storage/migrations/alembic.ini -x url=sqlite:///scratch.db upgrade head
    alembic -c engine/storage/migrations/alembic.ini -x url=sqlite:///scratch.db \\
        revision --autogenerate --rev-id 0002 -m "what it does"

read what it wrote, and add its number to `REVISIONS` in `schema`.
"""
