"""The JSON bodies that make and change jobs, checked: unknown names and values are refused as
Salesforce's parser refuses them.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sandbox.org.bulk.errors import invalid_job
from sandbox.org.bulk.model import DELIMITERS, LINE_ENDINGS
from sandbox.org.errors import SalesforceError
from sandbox.org.schema.jackson import told


def known_only(body: Mapping[str, Any], names: Collection[str]) -> None:
    """Raises JSON_PARSER_ERROR for a name that is none of `names`."""
    for name in body:
        if name not in names:
            raise SalesforceError("JSON_PARSER_ERROR", f'Unrecognized field "{name}"')


def chosen(body: Mapping[str, Any], name: str, allowed: Collection[str], default: str | None = None) -> str:
    """The value of `name`, one of `allowed`; the default when it is not given (None: it must
    be).
    """
    value = body.get(name)
    if value is None:
        if default is None:
            raise invalid_job(f"{name} is required")
        return default
    found = next((each for each in allowed if each.lower() == str(value).lower()), None)
    if found is None:
        words = ", ".join(allowed)
        raise SalesforceError(
            "JSON_PARSER_ERROR", f"Value '{told(value)}' of field {name} is not one of [{words}]"
        )
    return found


def text(body: Mapping[str, Any], name: str) -> str:
    """A text that must be given."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid_job(f"{name} is required")
    return value


def csv_dialect(body: Mapping[str, Any]) -> tuple[str, str]:
    """The names of delimiter and line ending of the job's CSV; raises for any other content
    type.
    """
    if str(body.get("contentType", "CSV")).upper() != "CSV":
        raise invalid_job("The only content type supported is CSV")
    return (
        chosen(body, "columnDelimiter", DELIMITERS, "COMMA"),
        chosen(body, "lineEnding", LINE_ENDINGS, "LF"),
    )
