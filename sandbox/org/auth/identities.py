"""Who a token stands for, as the UserInfo endpoint and the identity URL tell it."""

from sandbox.org.state.org import Org

BAD_TOKEN = "Bad_OAuth_Token"  # noqa: S105 -- Salesforce's wording
_SHORT_ID = 15
_DATA = "/services/data/v{version}"
_ADDRESSES = {
    "enterprise": "/services/Soap/c/{version}/",
    "metadata": "/services/Soap/m/{version}/",
    "partner": "/services/Soap/u/{version}/",
    "rest": f"{_DATA}/",
    "sobjects": f"{_DATA}/sobjects/",
    "search": f"{_DATA}/search/",
    "query": f"{_DATA}/query/",
    "recent": f"{_DATA}/recent/",
    "tooling_soap": "/services/Soap/T/{version}/",
    "tooling_rest": f"{_DATA}/tooling/",
    "feeds": f"{_DATA}/chatter/feeds",
    "groups": f"{_DATA}/chatter/groups",
    "users": f"{_DATA}/chatter/users",
    "feed_items": f"{_DATA}/chatter/feed-items",
    "feed_elements": f"{_DATA}/chatter/feed-elements",
}
"""`{version}` is for the client to fill in."""
_COLUMNS = (
    "Username", "Name", "FirstName", "LastName", "Email", "IsActive", "LastModifiedDate", "UserType", "Alias",
    "CreatedDate",
)  # fmt: skip
_TIME_ZONE, _LANGUAGE, _LOCALE = "Europe/London", "en_US", "en_GB"
_PICTURE = "/profilephoto/005"
_NO_ADDRESS = ("street_address", "locality", "region", "postal_code", "country")


def user_info(org: Org, user_id: str, url: str) -> dict[str, object]:
    """Claims about the user, as OpenID Connect names them (OAuth API, "UserInfo Endpoint")."""
    user = _user(org, user_id)
    return {
        "sub": f"{url}/id/{org.identity.org_id}/{user_id}",
        "user_id": user_id,
        "organization_id": org.identity.org_id,
        "preferred_username": user["Username"],
        "nickname": user["Alias"],
        "name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "given_name": user["FirstName"],
        "family_name": user["LastName"],
        "zoneinfo": _TIME_ZONE,
        "photos": {"picture": f"{url}{_PICTURE}/F", "thumbnail": f"{url}{_PICTURE}/T"},
        "profile": f"{url}/{user_id}",
        "picture": f"{url}{_PICTURE}/F",
        "address": dict.fromkeys(_NO_ADDRESS),
        "is_salesforce_integration_user": False,
        **_shared(org, user_id, url, user),
        "updated_at": user["LastModifiedDate"],
    }


def identity(org: Org, user_id: str, url: str) -> dict[str, object]:
    """The same user in the words of the older endpoint (OAuth API, "Identity URLs")."""
    user = _user(org, user_id)
    return {
        "id": f"{url}/id/{org.identity.org_id}/{user_id}",
        "asserted_user": True,
        "user_id": user_id,
        "organization_id": org.identity.org_id,
        "username": user["Username"],
        "nick_name": user["Alias"],
        "display_name": user["Name"],
        "email": user["Email"],
        "email_verified": True,
        "first_name": user["FirstName"],
        "last_name": user["LastName"],
        "timezone": _TIME_ZONE,
        "photos": {"picture": f"{url}{_PICTURE}/F", "thumbnail": f"{url}{_PICTURE}/T"},
        **dict.fromkeys(("addr_street", "addr_city", "addr_state", "addr_country", "addr_zip")),
        "mobile_phone": None,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        **_shared(org, user_id, url, user),
        "last_modified_date": str(user["LastModifiedDate"]).replace(".000Z", "Z"),
    }


def _user(org: Org, user_id: str) -> dict[str, object]:
    columns = ", ".join(_COLUMNS)
    row = org.store.connection.execute(f'SELECT {columns} FROM "User" WHERE Id = ?', (user_id,)).fetchone()
    return dict(zip(_COLUMNS, row, strict=True))


def _shared(org: Org, user_id: str, url: str, user: dict[str, object]) -> dict[str, object]:
    """Everything that both endpoints tell in the same words."""
    short_org = org.identity.org_id[:_SHORT_ID]
    urls = {
        name: f"{url}{path}{short_org}" if "/Soap/" in path else f"{url}{path}"
        for name, path in _ADDRESSES.items()
    }
    return {
        "urls": {**urls, "profile": f"{url}/{user_id}", "custom_domain": url},
        "active": bool(user["IsActive"]),
        "user_type": str(user["UserType"]).upper(),
        "language": _LANGUAGE,
        "locale": _LOCALE,
        "utcOffset": 0,
        "is_app_installed": True,
    }


def wrong_identity(org: Org, named: tuple[str, str], user_id: str) -> tuple[str, int] | None:
    """Text and status for an identity URL of another org or user (OAuth API, "Identity URLs"); None
    when it is the caller's.
    """
    org_id, named_user = named
    if org_id[:_SHORT_ID] != org.identity.org_id[:_SHORT_ID]:
        return "Wrong_Org", 403
    if named_user[:_SHORT_ID] != user_id[:_SHORT_ID]:
        return "Bad_Id", 404
    return None
