"""`/services/Soap/u/XX.X` and `/services/Soap/c/XX.X`, with or without a trailing slash or the
org's id.
"""

from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.org.auth.routes import own_url
from sandbox.org.auth.sessions import Sessions
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.versions import checked_version
from sandbox.org.soap.errors import SoapError, fault_body
from sandbox.org.soap.handlers import Operations, Pairs
from sandbox.org.state.org import Org

_XML = "text/xml;charset=UTF-8"
_NAMESPACES = {"u": "urn:partner.soap.sforce.com", "c": "urn:enterprise.soap.sforce.com"}


def routes(org: Org, sessions: Sessions) -> list[BaseRoute]:
    """The SOAP endpoints of `org`."""
    operations = Operations(org, sessions)

    async def soap(request: Request) -> Response:
        """Logs in and out; other operations are refused by name (SOAP API Developer Guide,
        "login()").
        """
        try:
            namespace = _namespace(request.path_params["api"], request.path_params["version"])
            operation, result = operations.perform(await request.body(), own_url(request), request.url.path)
        except SoapError as error:
            return Response(fault_body(error), 500, media_type=_XML)
        return Response(_answer(operation, result, namespace), media_type=_XML)

    paths = ("/services/Soap/{api}/{version}", "/services/Soap/{api}/{version}/{org_id:path}")
    return [Route(path, soap, methods=["POST"]) for path in paths]


def _namespace(api: str, version: str) -> str:
    """The namespace of an API's answers; raises `SoapError` for an API or a version that is not
    served.
    """
    if api not in _NAMESPACES:
        served = " and ".join(f"/services/Soap/{letter}" for letter in _NAMESPACES)
        raise SoapError(
            "INVALID_OPERATION", f"/services/Soap/{api} is not built in this sandbox; {served} are"
        )
    try:
        checked_version(version)
    except SalesforceError:
        raise SoapError("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL") from None
    return _NAMESPACES[api]


def _answer(operation: str, result: Pairs, namespace: str) -> str:
    body = f"<result>{_elements(result)}</result>" if result else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{namespace}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<{operation}Response>{body}</{operation}Response></soapenv:Body></soapenv:Envelope>"
    )


def _elements(pairs: Pairs) -> str:
    found = []
    for name, value in pairs:
        if value is None:
            found.append(f'<{name} xsi:nil="true"/>')
        elif isinstance(value, list):
            found.append(f"<{name}>{_elements(value)}</{name}>")
        else:
            text = str(value).lower() if isinstance(value, bool) else escape(str(value))
            found.append(f"<{name}>{text}</{name}>")
    return "".join(found)
