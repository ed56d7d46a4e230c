"""Who a token stands for, as the UserInfo endpoint and the identity URL tell it."""

from sandbox.org.state.org import Org

BAD_TOKEN = "Bad_OAuth_Token"  # noqa: S105 -- Salesforce's wording
_SHORT_ID = 15
_ADDRESSES = {
    "rest": "/services/data/v{version}/",
    "sobjects": "/services/data/v{version}/sobjects/",
    "query": "/services/data/v{version}/query/",
    "search": "/services/data/v{version}/search/",
    "tooling_rest": "/services/data/v{version}/tooling/",
    "recent": "/services/data/v{version}/recent/",
    "partner": "/services/Soap/u/{version}/",
    "enterprise": "/services/Soap/c/{version}/",
    "metadata": "/services/Soap/m/{version}/",
}
"""`{version}` is for the client to fill in."""


def user_info(org: Org, user_id: str, url: str) -> dict[str, object]:
    """Claims about the user, as OpenID Connect names them (OAuth API, "UserInfo Endpoint")."""
    username, name, first, last, email, active, modified, kind, alias = org.store.connection.execute(
        "SELECT Username, Name, FirstName, LastName, Email, IsActive, LastModifiedDate, UserType, Alias "
        'FROM "User" WHERE Id = ?',
        (user_id,),
    ).fetchone()
    short_org = org.identity.org_id[:_SHORT_ID]
    return {
        "sub": f"{url}/id/{org.identity.org_id}/{user_id}",
        "user_id": user_id,
        "organization_id": org.identity.org_id,
        "preferred_username": username,
        "nickname": alias,
        "name": name,
        "given_name": first,
        "family_name": last,
        "email": email,
        "email_verified": True,
        "active": bool(active),
        "user_type": str(kind).upper(),
        "zoneinfo": "Europe/London",
        "language": "en_US",
        "locale": "en_GB",
        "utcOffset": 0,
        "updated_at": modified,
        "is_app_installed": True,
        "urls": {
            name: f"{url}{path}{short_org}" if "/Soap/" in path else f"{url}{path}"
            for name, path in _ADDRESSES.items()
        },
    }


def identity(org: Org, user_id: str, url: str) -> dict[str, object]:
    """The same user in the words of the older endpoint (OAuth API, "Identity URLs")."""
    info = user_info(org, user_id, url)
    return {
        **info,
        "id": info["sub"],
        "asserted_user": True,
        "username": info["preferred_username"],
        "nick_name": info["nickname"],
        "display_name": info["name"],
        "first_name": info["given_name"],
        "last_name": info["family_name"],
        "last_modified_date": info["updated_at"],
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
