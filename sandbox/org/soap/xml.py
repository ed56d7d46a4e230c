"""Elements of SOAP: read without their namespaces, and written in the order given, because clients
find some by their place.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from sandbox.org.schema.exact import number_text
from sandbox.org.soap.errors import SoapError

Pairs = Sequence[tuple[str, object]]
"""Element name and content: a text, a number, a boolean, None (xsi:nil), or pairs again."""
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


def parsed(envelope: bytes) -> ElementTree.Element:
    """The envelope; raises `SoapError`. Declarations, and with them entities, are refused
    unread.
    """
    if b"<!DOCTYPE" in envelope or b"<!ENTITY" in envelope:
        raise SoapError("INVALID_SOAP_HEADER", "A document type declaration is not allowed")
    try:
        return ElementTree.fromstring(envelope)  # noqa: S314 -- declarations are refused above
    except ElementTree.ParseError as error:
        line, column = error.position
        message = f"The request is not well-formed XML: line {line}, column {column}"
        raise SoapError("INVALID_SOAP_HEADER", message) from None


def local(element: ElementTree.Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def namespace(element: ElementTree.Element) -> str:
    """The namespace of the name; empty for none."""
    return element.tag.rpartition("}")[0].removeprefix("{")


def child(parent: ElementTree.Element | None, name: str) -> ElementTree.Element | None:
    """The first element of that name; None where there is none."""
    return next((each for each in (() if parent is None else parent) if local(each) == name), None)


def text(parent: ElementTree.Element | None, name: str) -> str:
    """The text of the first element of that name; empty where there is none."""
    found = child(parent, name)
    return (found.text or "").strip() if found is not None else ""


def texts(parent: ElementTree.Element, name: str) -> list[str]:
    """The texts of all elements of that name."""
    return [(each.text or "").strip() for each in parent if local(each) == name]


def element(name: str, content: object, kind: str = "") -> str:
    """One element; `kind` is its `xsi:type`, empty for none."""
    typed = f" xsi:type={quoteattr(kind)}" if kind else ""
    if content is None:
        return f'<{name} xsi:nil="true"/>'
    return f"<{name}{typed}>{_inner(content)}</{name}>"


def elements(pairs: Pairs) -> str:
    return "".join(element(name, content) for name, content in pairs)


_SHOWN_AS_NIL = frozenset(
    {
        "associateEntityType", "associateParentEntity", "defaultImplementation", "implementedBy", "implementsInterfaces",
        "keyPrefix", "networkScopeFieldName",
    }
)  # fmt: skip
"""Of describe: elements that are there even where they say nothing (the partner WSDL: clients that
are generated from it miss them).
"""


def of_mapping(body: Mapping[str, Any], leaving_out: Iterable[str] = ()) -> list[tuple[str, object]]:
    """A JSON object as pairs: a list becomes an element for each of its members, null none but
    where the WSDL wants one.
    """
    without = frozenset(leaving_out)
    found: list[tuple[str, object]] = []
    for name, value in body.items():
        if name in without or (value is None and name not in _SHOWN_AS_NIL):
            continue
        members = value if isinstance(value, list) else [value]
        found += [(name, of_mapping(each, without) if isinstance(each, dict) else each) for each in members]
    return found


class Raw(str):
    """XML that is complete already."""

    __slots__ = ()


def _inner(content: object) -> str:
    if isinstance(content, Raw):
        return content
    if isinstance(content, bool):
        return str(content).lower()
    if isinstance(content, list | tuple):
        return elements(content)
    return escape(number_text(content) if isinstance(content, float) else str(content))
