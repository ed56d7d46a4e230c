"""A program of a sqlalchemy-redshift user: `python sqlalchemy_redshift.py CALL` with the database
on stdin, a result on stdout.
"""

import json
import sys

# The folder of this script is first on the path, and this script has the client's name.
sys.path.pop(0)

import sqlalchemy as sa


def engine(given):
    kind = "redshift+redshift_connector" if given.get("native") else "redshift+psycopg2"
    options = {"ssl": False} if given.get("native") else {"sslmode": "prefer"}
    return sa.create_engine(given["dsn"].replace("postgresql", kind, 1), connect_args=options)


METADATA = sa.MetaData()
TABLE = sa.Table(
    "things",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, redshift_identity=(0, 1)),
    sa.Column("name", sa.String(40), nullable=False, redshift_encode="zstd"),
    sa.Column("price", sa.Numeric(9, 2)),
    redshift_diststyle="KEY",
    redshift_distkey="name",
    redshift_sortkey=("name", "price"),
)


def work(given):
    made = engine(given)
    METADATA.create_all(made)
    with made.begin() as connection:
        connection.execute(TABLE.insert(), [{"name": "a", "price": 1}, {"name": "b", "price": 2}])
        connection.execute(TABLE.update().where(TABLE.c.name == "b").values(price=TABLE.c.price + 1))
        connection.execute(TABLE.delete().where(TABLE.c.name == "a"))
    with made.connect() as connection:
        rows = connection.execute(sa.select(TABLE.c.name, TABLE.c.price)).all()
        return [[name, str(price)] for name, price in rows]


def reflect(given):
    made = engine(given)
    METADATA.create_all(made)
    looked = sa.inspect(made)
    columns = looked.get_columns("things")
    return {
        "tables": looked.get_table_names(),
        "schemas": "public" in looked.get_schema_names(),
        "columns": [[column["name"], str(column["type"]), column["nullable"]] for column in columns],
        "key": looked.get_pk_constraint("things")["constrained_columns"],
    }


print(json.dumps(globals()[sys.argv[1]](json.load(sys.stdin))))
