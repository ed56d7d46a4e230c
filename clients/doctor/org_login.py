"""Asks the org without spending an API call: the grant, the org's id, its API versions, and its
clock.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from clients.salesforce.session import SalesforceAddress, Session, SessionSource, served_versions
from schemas.doctor import CheckResult, not_asked, ok, warning, wrong
from schemas.errors import CredentialsRejectedError, SettingsError, UnavailableError
from schemas.salesforce.limits import CLOCK_SKEW_WARNING, CLOCK_SKEW_WRONG

_SHORT_ID = 15
_ID = "TIDEGATE_SALESFORCE__"
_SETTING = {
    "invalid_client": f"{_ID}CLIENT_SECRET: copy Consumer Secret again",
    "invalid_client_id": f"{_ID}CLIENT_ID: copy Consumer Key again",
}
"""The token endpoint's code -> the setting at fault."""
_APP = "Setup > App Manager > the connected app"


async def log_in(
    sessions: SessionSource, address: SalesforceAddress
) -> tuple[Session | None, list[CheckResult]]:
    """A session, None when the org gives none; and the findings about it."""
    try:
        session = await sessions.session()
    except SettingsError as error:
        return None, [wrong("salesforce.credentials", str(error), "Set the setting that it names.")]
    except CredentialsRejectedError as error:
        return None, [wrong("salesforce.credentials", str(error), _remedy(error.error_code, address))]
    except UnavailableError as error:
        remedy = (
            f"Correct {_ID}LOGIN_URL (https://MYDOMAIN.my.salesforce.com), or open the network way to it."
        )
        return None, [wrong("salesforce.unreachable", error.detail, remedy, where=address.login_url)]
    return session, [
        ok("salesforce.login", f"the grant {address.grant} gives a session at {session.instance_url}")
    ]


def _remedy(code: str, address: SalesforceAddress) -> str:
    if code in _SETTING:
        return f"Correct {_SETTING[code]} ({_APP} > Manage Consumer Details)."
    if address.grant == "password":
        return f"Correct {_ID}USERNAME and {_ID}PASSWORD (password and security token together), or allow this address."
    if address.grant == "jwt_bearer":
        return (
            f"Let {_ID}PRIVATE_KEY_FILE fit the certificate of {_APP}, and pre-authorise {_ID}USERNAME: Manage > Edit "
            "Policies > Permitted Users: Admin approved users are pre-authorized, then Manage Permission Sets."
        )
    return (
        f"Let {_ID}LOGIN_URL be the org's own My Domain address, and set a run-as user: {_APP} > Manage > Edit Policies > "
        "Client Credentials Flow > Run As."
    )


def examine_org(session: Session, org_id: str) -> list[CheckResult]:
    """Check that the session is of the org that the settings name."""
    setting = f"{_ID}ORG_ID"
    if not session.org_id:
        told = "the token's answer does not say of which org it is"
        return [
            not_asked(
                "salesforce.org", told, f"Compare {setting} with Setup > Company Information.", where=org_id
            )
        ]
    if session.org_id[:_SHORT_ID] != org_id[:_SHORT_ID]:
        remedy = (
            f"Set {setting} to {session.org_id}, or log in to the other org. Never change it for an engine that has run: "
            "its raw files and workflows carry the id."
        )
        told = f"the session is of {session.org_id}, the settings say {org_id}"
        return [wrong("salesforce.other_org", told, remedy, where=setting)]
    return [ok("salesforce.org", f"the session is of {org_id}", where=org_id)]


async def examine_versions(instance_url: str, api_version: str) -> list[CheckResult]:
    """The API version and the clock, from the list of versions, which needs no session (REST API
    Developer Guide, "Versions").
    """
    served = await served_versions(instance_url)
    return [
        _version(served.versions, api_version),
        _clock(served.date, served.asked_at, served.took.total_seconds()),
    ]


def _version(served: frozenset[str], wanted: str) -> CheckResult:
    if wanted in served:
        return ok("salesforce.api_version", f"the org serves v{wanted}")
    newest = max(served, key=float, default="none")
    told = f"the org does not serve v{wanted}; its newest is v{newest}"
    remedy = f"Set {_ID}API_VERSION to {newest}, until the org has its next release."
    return wrong("salesforce.api_version_unsupported", told, remedy, where=f"{_ID}API_VERSION")


def _clock(header: str, before: datetime, took: float) -> CheckResult:
    """The header has whole seconds, cut: on average the org is half a second further, and so is the
    middle of the call.
    """
    try:
        told = parsedate_to_datetime(header).astimezone(UTC)
    except (TypeError, ValueError):
        remedy = "Have the proxy on the way pass the Date header on."
        return not_asked("salesforce.clock", "the answer has no Date header", remedy)
    ahead = (told - before).total_seconds() + 0.5 - took / 2
    off = max(0.0, abs(ahead) - 0.5 - took / 2)
    words = f"the org's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    remedy = "Set this machine's clock by NTP: timedatectl set-ntp true, or chronyc makestep; then see chronyc tracking."
    if off > CLOCK_SKEW_WRONG.total_seconds():
        return wrong("salesforce.clock_skew", words, remedy)
    if off > CLOCK_SKEW_WARNING.total_seconds():
        return warning("salesforce.clock_skew", words, remedy)
    return ok("salesforce.clock", f"the clocks agree within {CLOCK_SKEW_WARNING.total_seconds():.0f} s")
