"""Checks of what a client writes as `FullName` and `Metadata` of the objects that set up events."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.org.errors import SalesforceError
from schemas.salesforce.limits import ENRICHED_FIELDS_MAX

MANAGED_FIELDS = ("label", "topicName", "defaultReplay", "errorRecoveryReplay", "state", "version")
_DEVELOPER_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_SUFFIX = "__chn"
_REPLAYS = ("LATEST", "EARLIEST")
_STATES = ("RUN", "STOP")


def full_name(body: Mapping[str, Any]) -> str:
    found = body.get("FullName")
    if not isinstance(found, str) or not found:
        raise _missing("FullName")
    return found


def metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("Metadata")
    if not isinstance(found, dict):
        raise _missing("Metadata")
    unknown = sorted(set(body) - {"FullName", "Metadata", "attributes", "Id"})
    if unknown:
        raise SalesforceError("INVALID_FIELD", f"Write {unknown[0]} through Metadata", fields=unknown[:1])
    return found


def only(given: Mapping[str, Any], object_name: str, known: Sequence[str]) -> None:
    """Refuse a field that the object's metadata does not have."""
    for name in given:
        if name not in (*known, "urls"):
            message = f'Cannot deserialize instance of {object_name}: unrecognized field "{name}"'
            raise SalesforceError("JSON_PARSER_ERROR", message)


def text(given: Mapping[str, Any], name: str) -> str:
    """A required text."""
    found = given.get(name)
    if not isinstance(found, str) or not found:
        raise _missing(name)
    return found


def channel_name(name: str) -> None:
    """`Sales_Events__chn`."""
    if not name.endswith(_SUFFIX):
        raise invalid("FullName", name)
    developer_name(name.removesuffix(_SUFFIX))


def developer_name(name: str) -> None:
    if _DEVELOPER_NAME.fullmatch(name) is None:
        message = (
            f"The name {name} can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, "
            "not include spaces, not end with an underscore, and not contain two consecutive underscores."
        )
        raise SalesforceError("INVALID_INPUT", message, fields=["FullName"])


def enriched_fields(given: object) -> list[str]:
    """Names from `[{"name": "Industry"}, …]`."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise invalid("enrichedFields", given)
    names = [text(each, "name") for each in given]
    if len(names) > ENRICHED_FIELDS_MAX:
        message = f"You can select up to {ENRICHED_FIELDS_MAX} enriched fields for a channel member."
        raise SalesforceError("LIMIT_EXCEEDED", message, fields=["EnrichedFields"])
    return names


def managed(given: Mapping[str, Any]) -> dict[str, object]:
    """A managed subscription's metadata with its defaults."""
    found: dict[str, object] = {
        "label": text(given, "label"),
        "topicName": text(given, "topicName"),
        "defaultReplay": given.get("defaultReplay") or "LATEST",
        "errorRecoveryReplay": given.get("errorRecoveryReplay") or "LATEST",
        "state": given.get("state") or "RUN",
        "version": given.get("version"),
    }
    for name, allowed in {
        "defaultReplay": _REPLAYS,
        "errorRecoveryReplay": _REPLAYS,
        "state": _STATES,
    }.items():
        if found[name] not in allowed:
            raise invalid(name, found[name])
    return found


def unmoved(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """A member's channel and object cannot be changed (Tooling API,
    "PlatformEventChannelMember").
    """
    for name in ("eventChannel", "selectedEntity"):
        if after.get(name) != before[name]:
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", f"{name} can't be updated", fields=[name])


def duplicate(name: str) -> SalesforceError:
    return SalesforceError(
        "DUPLICATE_DEVELOPER_NAME", f"The name {name} is already in use", fields=["FullName"]
    )


def invalid(field: str, value: object) -> SalesforceError:
    return SalesforceError(
        "INVALID_INPUT", f"Specify a valid value for the {field} field: {value}", fields=[field]
    )


def _missing(name: str) -> SalesforceError:
    return SalesforceError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", fields=[name])
