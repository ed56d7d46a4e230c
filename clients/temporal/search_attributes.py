"""Registers the search attributes that the engine's workflows carry."""

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from schemas.errors import SettingsError, UnavailableError
from schemas.names import SEARCH_ATTRIBUTES

_RPC = timedelta(seconds=10)
_NOT_HERE = (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED)


async def register_search_attributes(client: Client) -> list[str]:
    """Register those that the namespace lacks; returns their names.

    Raises:
        SettingsError: The server lets nobody do it by this way, as Temporal Cloud.
        UnavailableError: Temporal does not answer, or has no such namespace.
    """
    try:
        missing = await missing_search_attributes(client)
        if missing:
            wanted = {name: _kind(SEARCH_ATTRIBUTES[name]) for name in missing}
            request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
            await client.operator_service.add_search_attributes(request, timeout=_RPC)
    except RPCError as error:
        if error.status in _NOT_HERE:
            listed = ", ".join(f"{name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items())
            raise SettingsError(
                f"Temporal refuses to register search attributes here ({error.status.name}). Register them with its own "
                f"tool, as `tcld namespace search-attributes add` for Temporal Cloud: {listed}."
            ) from error
        raise UnavailableError(system="Temporal", detail=f"{error.status.name}: {error.message}") from error
    return missing


async def missing_search_attributes(client: Client) -> list[str]:
    """Names of the attributes that are not registered. Raises `RPCError`."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    listed = await client.operator_service.list_search_attributes(request, timeout=_RPC)
    return [name for name in SEARCH_ATTRIBUTES if name not in listed.custom_attributes]


def _kind(name: str) -> IndexedValueType.ValueType:
    """INDEXED_VALUE_TYPE_KEYWORD_LIST of `KeywordList`."""
    words = "".join(f"_{letter}" if letter.isupper() else letter for letter in name)
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE{words.upper()}")
