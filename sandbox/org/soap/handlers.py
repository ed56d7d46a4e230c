"""The operations: login, logout, getUserInfo, getServerTimestamp. All others are refused by name.

Results come as ordered pairs, because clients find elements by their place, and without
namespace prefixes, because others find them by a regular expression (SOAP API Developer Guide,
"login()", "LoginResult").
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree

from sandbox.org.auth.grants import password_is_right
from sandbox.org.auth.sessions import Sessions
from sandbox.org.errors import SalesforceError
from sandbox.org.soap.errors import SoapError
from sandbox.org.state.org import Org

Pairs = list[tuple[str, object]]
"""Element name and content: a text, a boolean, None (xsi:nil), or pairs again."""


class Operations:
    """The partner API's operations over one org."""

    def __init__(self, org: Org, sessions: Sessions) -> None:
        self._org = org
        self._sessions = sessions
        self._by_name: dict[str, Callable[[Mapping[str, str], str, str], Pairs]] = {
            "login": self._login,
            "logout": self._logout,
            "getUserInfo": self._get_user_info,
            "getServerTimestamp": self._get_server_timestamp,
        }

    def perform(self, envelope: bytes, instance_url: str, path: str) -> tuple[str, Pairs]:
        """Operation and result of a request; raises `SoapError`."""
        operation, arguments, session = _read(envelope)
        perform = self._by_name.get(operation)
        if perform is None:
            known = ", ".join(self._by_name)
            raise SoapError(
                "INVALID_OPERATION", f"{operation} is not built in this sandbox; it has {known}. Use REST."
            )
        return operation, perform(
            arguments | {"instance_url": instance_url, "path": path}, session, operation
        )

    def _login(self, given: Mapping[str, str], _session: str, _operation: str) -> Pairs:
        identity = self._org.identity
        if not password_is_right(identity, given.get("username", ""), given.get("password", "")):
            message = "Invalid username, password, security token; or user locked out."
            raise SoapError("INVALID_LOGIN", message)
        session = self._sessions.open(identity.user_id, identity.client_id)
        base = given["instance_url"]
        version = given["path"].split("/")[4] if given["path"].count("/") >= 4 else "67.0"
        short_id = identity.org_id[:15]
        return [
            ("metadataServerUrl", f"{base}/services/Soap/m/{version}/{short_id}"),
            ("passwordExpired", False),
            ("sandbox", True),
            ("serverUrl", f"{base}/services/Soap/u/{version}/{short_id}"),
            ("sessionId", session.token),
            ("userId", identity.user_id),
            ("userInfo", self._user_info(identity.user_id)),
        ]

    def _logout(self, _given: Mapping[str, str], session: str, _operation: str) -> Pairs:
        self._checked(session)
        self._sessions.close(session)
        return []

    def _get_user_info(self, _given: Mapping[str, str], session: str, _operation: str) -> Pairs:
        return self._user_info(self._checked(session))

    def _get_server_timestamp(self, _given: Mapping[str, str], session: str, _operation: str) -> Pairs:
        self._checked(session)
        now = datetime.fromtimestamp(self._org.clock.seconds(), UTC)
        return [("timestamp", now.strftime("%Y-%m-%dT%H:%M:%S.000Z"))]

    def _checked(self, session: str) -> str:
        """The user of a session."""
        try:
            return self._sessions.use(session).user_id
        except SalesforceError:
            message = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise SoapError("INVALID_SESSION_ID", message) from None

    def _user_info(self, user_id: str) -> Pairs:
        name, username, email = self._org.store.connection.execute(
            'SELECT Name, Username, Email FROM "User" WHERE Id = ?', (user_id,)
        ).fetchone()
        return [
            ("accessibilityMode", False),
            ("chatterExternal", False),
            ("currencySymbol", "$"),
            ("orgAttachmentFileSizeLimit", "5242880"),
            ("orgDefaultCurrencyIsoCode", "USD"),
            ("orgDefaultCurrencyLocale", "en_US"),
            ("orgDisallowHtmlAttachments", False),
            ("orgHasPersonAccounts", self._org.has_persons),
            ("organizationId", self._org.identity.org_id),
            ("organizationMultiCurrency", False),
            ("organizationName", "Tidegate sandbox"),
            ("profileId", "00eTg0000000001IAA"),
            ("roleId", None),
            ("sessionSecondsValid", str(int(self._sessions.life_seconds))),
            ("userDefaultCurrencyIsoCode", None),
            ("userEmail", email),
            ("userFullName", name),
            ("userId", user_id),
            ("userLanguage", "en_US"),
            ("userLocale", "en_GB"),
            ("userName", username),
            ("userTimeZone", "Europe/London"),
            ("userType", "Standard"),
            ("userUiSkin", "Theme3"),
        ]


def _read(envelope: bytes) -> tuple[str, dict[str, str], str]:
    """Operation, its arguments by local name, and the session of the header."""
    if b"<!DOCTYPE" in envelope or b"<!ENTITY" in envelope:
        raise SoapError("INVALID_SOAP_HEADER", "A document type declaration is not allowed")
    try:
        root = ElementTree.fromstring(envelope)  # noqa: S314 -- declarations are refused above
    except ElementTree.ParseError as error:
        line, column = error.position
        message = f"The request is not well-formed XML: line {line}, column {column}"
        raise SoapError("INVALID_SOAP_HEADER", message) from None
    body = next((child for child in root if _local(child.tag) == "Body"), None)
    if body is None or len(body) == 0:
        raise SoapError("INVALID_SOAP_HEADER", "No operation in the body")
    session = next((each.text or "" for each in root.iter() if _local(each.tag) == "sessionId"), "")
    arguments = {_local(child.tag): child.text or "" for child in body[0]}
    return _local(body[0].tag), arguments, session


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
