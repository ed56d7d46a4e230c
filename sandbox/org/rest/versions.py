"""Which API versions the org serves, and what each of them offers.

Versions come three a year, Spring, Summer and Winter; v21.0 was Spring '11. Versions up to 30.0
are retired.
"""

from sandbox.org.errors import SalesforceError, not_found
from sandbox.org.rest.not_built import NOT_BUILT
from schemas.salesforce.limits import API_VERSION

OLDEST_VERSION = 31
NEWEST_VERSION = int(float(API_VERSION))
_SPRING_11 = 21
_SEASONS = ("Spring", "Summer", "Winter")
_RESOURCES = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
"""The served families; a new family adds its name. What is not built is listed too, as in every
org, and says so when called.
"""


def version_list() -> list[dict[str, str]]:
    """The body of `GET /services/data`, oldest first (clients take the last)."""
    return [
        {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)
    ]


def _label(number: int) -> str:
    years, season = divmod(number - _SPRING_11, len(_SEASONS))
    # Winter releases are named after the coming year.
    year = 11 + years + (1 if _SEASONS[season] == "Winter" else 0)
    return f"{_SEASONS[season]} '{year}"


def checked_version(text: str) -> float:
    """`67.0` as a number; raises 410 for a retired version and 404 for one that never was."""
    whole, dot, fraction = text.partition(".")
    if not (whole.isascii() and whole.isdigit()) or (dot and fraction != "0") or not dot:
        raise not_found()
    if 1 <= int(whole) < OLDEST_VERSION:
        message = f"Retired API version: v{text}. Please use a newer API version."
        raise SalesforceError("UNSUPPORTED_API_VERSION", message, 410)
    if int(whole) > NEWEST_VERSION or int(whole) == 0:
        raise not_found()
    return float(text)


def resource_map(base: str, identity_url: str) -> dict[str, str]:
    """The body of `GET /services/data/vXX.X`."""
    unbuilt = [path[1:] for path in NOT_BUILT if path.count("/") == 1]
    return {name: f"{base}/{name}" for name in sorted([*_RESOURCES, *unbuilt])} | {"identity": identity_url}
