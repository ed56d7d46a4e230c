"""Columns that Redshift's own pg_class, pg_attribute and pg_attrdef have, and PostgreSQL's lack.

A query of the catalogue that names one of them, or pg_constraint or pg_indexes, whose keys are not
PostgreSQL's, reads a view of the schema `stand_in` instead
(`catalogue/views.sql`).
"""

from sqlglot import exp

_MORE = {
    "pg_attribute": {"attencodingtype", "attisdistkey", "attsortkeyord", "attkvtype"},
    "pg_class": {
        "reldiststyle",
        "releffectivediststyle",
        "relcreationtime",
        "relisreplicated",
        "relexternid",
    },
    "pg_attrdef": {"adsrc"},
}
_SYSTEM = ("svv_", "svl_", "stl_", "stv_", "sys_")
"""The beginnings of the names of system tables and views."""
_OF_VIEWS = frozenset(
    """
    table_catalog table_schema table_name table_type remarks column_name ordinal_position column_default
    is_nullable data_type character_maximum_length numeric_precision numeric_precision_radix numeric_scale
    datetime_precision database_name schema_name schema_owner schema_type
    """.split()  # noqa: SIM905 -- a list of words
)
"""Columns of the views about tables, columns and schemas. A column comes before an alias of its
name: https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
"""
_ALWAYS = {"pg_constraint", "pg_indexes"}
"""Tables of keys, which are not PostgreSQL's."""


def is_catalogue(table: str) -> bool:
    """True for tables of the catalogue and for system tables and views."""
    schema, _, name = table.rpartition(".")
    return is_on_leader(table) or (
        schema.strip('"') in ("", "pg_catalog") and name.strip('"').startswith(_SYSTEM)
    )


def is_on_leader(table: str) -> bool:
    """True for a table of PostgreSQL's catalogue, which the leader node has."""
    schema, _, name = table.rpartition(".")
    plain = name.strip('"')
    return schema.strip('"') == "information_schema" or (
        schema.strip('"') in ("", "pg_catalog")
        and not plain.startswith(_SYSTEM)
        and (bool(schema) or plain.startswith("pg_"))
    )


def redirect(tree: exp.Expr) -> bool:
    """Point the tables whose columns are more than PostgreSQL's at their views; True when there was
    one.
    """
    named = {column.name.lower() for column in tree.find_all(exp.Column)}
    wanted = {table for table, columns in _MORE.items() if columns & named} | _ALWAYS
    found = [table for table in tree.find_all(exp.Table) if table.name.lower() in wanted]
    for table in found:
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name.lower())))
        table.set("db", exp.to_identifier("stand_in"))
        table.set("catalog", None)
    expanded = [_expand_aliases(select) for select in tree.find_all(exp.Select)]
    return _state_conditions(tree) or bool(found) or any(expanded)


def _expand_aliases(select: exp.Select) -> bool:
    """Put the expression of an alias where WHERE, or a later entry of the select list, names it, as
    Redshift allows.
    """
    tables = [table.name.lower() for table in select.find_all(exp.Table)]
    columns = _OF_VIEWS if any(name.startswith("svv_") for name in tables) else frozenset()
    aliases: dict[str, exp.Expr] = {}
    changed = False
    for each in list(select.expressions):
        changed |= _put(each, aliases, select)
        if isinstance(each, exp.Alias) and each.alias.lower() not in columns:
            aliases[each.alias.lower()] = each.this
    where = select.args.get("where")
    return (where is not None and _put(where, aliases, select)) or changed


def _put(place: exp.Expr, aliases: dict[str, exp.Expr], select: exp.Select) -> bool:
    found = [
        column
        for column in place.find_all(exp.Column)
        if not column.table and column.name.lower() in aliases and column.find_ancestor(exp.Select) is select
    ]
    for column in found:
        column.replace(exp.paren(aliases[column.name.lower()].copy()))
    return bool(found)


def _state_conditions(tree: exp.Expr) -> bool:
    """Turn a number that stands as a condition, which drivers write, into TRUE or FALSE."""
    found = [
        literal
        for literal in tree.find_all(exp.Literal)
        if not literal.is_string and isinstance(literal.parent, exp.Where | exp.And | exp.Or)
    ]
    for literal in found:
        literal.replace(exp.Boolean(this=literal.name != "0"))
    return bool(found)
