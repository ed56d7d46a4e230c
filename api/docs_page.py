"""The API for a person: one page made from its OpenAPI document, without scripts and without
anything from elsewhere.
"""

from html import escape
from typing import Any

from api.openapi import ROLE

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem } details { border-top: 1px solid #ccc; padding: .5rem 0 } summary { cursor: pointer }
code, pre { font: 13px/1.4 ui-monospace, monospace } pre { background: #f4f4f4; padding: .7rem; overflow-x: auto }
table { border-collapse: collapse } td { vertical-align: top; padding: .15rem 1rem .15rem 0 } .role { color: #666 }
"""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


def docs_page(document: dict[str, Any]) -> str:
    """The page, as HTML."""
    info = document["info"]
    tags: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            tags.setdefault(found["tags"][0], []).append(_operation(path, method, found))
    parts = [f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in tags.items()]
    schemas = "".join(
        _schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])} "
        "For programs: <a href=openapi.json>openapi.json</a>.</p>"
        f"{''.join(parts)}<h2>forms</h2>{schemas}</html>"
    )


def _operation(path: str, method: str, found: dict[str, Any]) -> str:
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    rows = [
        (f"{each['in']} {each['name']}", _type(each["schema"]), each.get("description", ""))
        for each in found.get("parameters", [])
    ]
    if body:
        rows.append(("body", _type(body), ""))
    answers = [(status, _answer(each), each["description"]) for status, each in found["responses"].items()]
    return (
        f"<details><summary><code>{method.upper()} {escape(path)}</code> {escape(found['summary'])} "
        f"<span class=role>{escape(found[ROLE])}</span></summary>"
        f"<p>{escape(found.get('description', ''))}</p>{_table(rows)}{_table(answers)}</details>"
    )


def _answer(found: dict[str, Any]) -> str:
    return ", ".join(_type(each.get("schema", {})) for each in found.get("content", {}).values())


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = [
        (field, _type(found), found.get("description", ""))
        for field, found in schema.get("properties", {}).items()
    ]
    listed = "".join(f"<pre>{escape(str(each))}</pre>" for each in schema.get("examples", []))
    words = ", ".join(map(str, schema.get("enum", [])))
    return (
        f"<details id={escape(name)}><summary><code>{escape(name)}</code></summary>"
        f"<p>{escape(schema.get('description', ''))} {escape(words)}</p>{_table(rows)}{listed}</details>"
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in few words, as HTML; forms are links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href=#{name}>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return escape(", ".join(map(str, schema.get("enum", [schema.get("const")]))))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(" ".join(filter(None, (schema.get("type", ""), schema.get("format", "")))))


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(about)}" for name, kind, about in rows
    )
    return f"<table>{cells}</table>" if rows else ""
