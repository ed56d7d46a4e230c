"""One SOAP request: its operation, its headers, and the caller."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree

from sandbox.org.auth.sessions import Session, Sessions
from sandbox.org.errors import SalesforceError
from sandbox.org.rest.service import RestService
from sandbox.org.soap.errors import SoapError
from sandbox.org.soap.xml import child, local, namespace, text
from sandbox.org.state.org import Org
from schemas.salesforce.limits import QUERY_PAGE_MAX, QUERY_PAGE_MIN

DEFAULT_BATCH = 500
"""Records of a page of a query (SOAP API Developer Guide, "QueryOptions Header")."""


@dataclass(frozen=True, slots=True)
class Api:
    """One of the SOAP APIs, by the letter in its address."""

    letter: str
    namespace: str
    objects: str
    """The namespace of records; empty in an API of which nothing is built."""
    faults: str


PARTNER = Api(
    "u",
    "urn:partner.soap.sforce.com",
    "urn:sobject.partner.soap.sforce.com",
    "urn:fault.partner.soap.sforce.com",
)
ENTERPRISE = Api(
    "c",
    "urn:enterprise.soap.sforce.com",
    "urn:sobject.enterprise.soap.sforce.com",
    "urn:fault.enterprise.soap.sforce.com",
)
_METADATA = "http://soap.sforce.com/2006/04/metadata"
_APEX = "http://soap.sforce.com/2006/08/apex"
APIS = {
    api.letter: api
    for api in (
        PARTNER,
        ENTERPRISE,
        Api("m", _METADATA, "", _METADATA),
        Api("s", _APEX, "", _APEX),
        Api("T", "urn:tooling.soap.sforce.com", "", "urn:fault.tooling.soap.sforce.com"),
    )
}
"""By the letter after `/services/Soap/`: partner, enterprise, metadata, Apex and Tooling."""


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """An envelope that could be read."""

    operation: str
    namespace: str
    """The operation's; empty for none."""
    body: ElementTree.Element
    """The operation's element."""
    header: ElementTree.Element | None

    def option(self, header: str, name: str) -> str:
        """A value of a SOAP header, such as `batchSize` of `QueryOptions`; empty without it."""
        return text(child(self.header, header), name)

    def flag(self, header: str, name: str) -> bool:
        """A value of a SOAP header that is true or false; false without it."""
        return self.option(header, name).lower() in ("true", "1")


def request_of(envelope: ElementTree.Element) -> SoapRequest:
    """The parts of an envelope; raises `SoapError` without an operation."""
    body = child(envelope, "Body")
    if body is None or len(body) == 0:
        raise SoapError("INVALID_SOAP_HEADER", "No operation in the body")
    asked = body[0]
    return SoapRequest(local(asked), namespace(asked), asked, child(envelope, "Header"))


@dataclass(frozen=True, slots=True)
class SoapCall:
    """A request with the address that it came by; a call with a session also has a user."""

    service: RestService
    sessions: Sessions
    api: Api
    version: float
    request: SoapRequest
    instance_url: str

    @property
    def org(self) -> Org:
        return self.service.org

    @property
    def base(self) -> str:
        """As the records of REST begin their addresses; SOAP leaves these out."""
        return f"/services/data/v{self.version:.1f}"

    @property
    def token(self) -> str:
        return self.request.option("SessionHeader", "sessionId")

    @property
    def origin(self) -> str:
        """`changeOrigin` of what this call writes (Change Data Capture Developer Guide, "Change
        Event Header Fields").
        """
        client = self.request.option("CallOptions", "client")
        return f"com/salesforce/api/soap/{self.version:.1f}" + (f";client={client}" if client else "")

    @property
    def batch_size(self) -> int:
        """Records of a page, held to 200 … 2,000."""
        asked = self.request.option("QueryOptions", "batchSize")
        size = int(asked) if re.fullmatch(r"\d{1,9}", asked) else DEFAULT_BATCH
        return min(max(size, QUERY_PAGE_MIN), QUERY_PAGE_MAX)

    def session(self) -> Session:
        """The caller's session; raises the fault INVALID_SESSION_ID."""
        try:
            return self.sessions.use(self.token)
        except SalesforceError:
            message = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise SoapError("INVALID_SESSION_ID", message) from None


Results: TypeAlias = list[str]
"""The `result` elements of an answer, in order."""
SoapHandler = Callable[[SoapCall], Awaitable[Results]]
