"""The part of a look that asks the org: who pays for it, and in which order it is asked."""

import asyncio
from functools import partial

from temporalio.client import Client

from clients.doctor import org_login
from clients.doctor.org_allocations import examine_allocations
from clients.doctor.org_events import Streamed, examine_selection
from clients.doctor.org_objects import examine_object
from clients.doctor.org_pubsub import examine_pubsub
from clients.doctor.org_rights import examine_permissions
from clients.doctor.run_check import DoctorDeadline, asked
from clients.salesforce.call_count import counting_calls
from clients.salesforce.http import OrgHttp
from clients.salesforce.session import Session, SessionSource
from clients.salesforce.streaming.pubsub_connection import PubsubConnection
from schemas.catalogue import Catalogue, ObjectSpec
from schemas.doctor import CHECKS, CheckResult, not_asked
from workers.addresses import pubsub_address, salesforce_address
from workers.org_tokens import PaidBy, org_tokens
from workers.settings import Settings

_OF_ANOTHER = not_asked(
    "salesforce.pubsub", "the session is of another org than the settings name", "Correct the org first."
)
_AT_ONCE = 8
"""Describes under way."""
_CORRECT = "Correct the catalogue, then run doctor again."
_FREE = ("salesforce.login", "salesforce.api_version", "salesforce.clock")
"""Asked without a session, and without an API call."""


class OrgLook:
    """Asks one org once. `calls` and `paid_by` say afterwards how much it took."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue | None,
        streamed: list[Streamed],
        deadline: DoctorDeadline,
        connection: "asyncio.Task[Client | None]",
    ) -> None:
        """`catalogue` None: it cannot be read. `connection`: to Temporal, where the governor is;
        None of it: no answer.
        """
        self._settings = settings
        self._catalogue = catalogue
        self._streamed = streamed
        self._deadline = deadline
        self._connection = connection
        self.calls = 0
        self.paid_by: PaidBy = "nothing"

    async def findings(self) -> list[CheckResult]:
        """Everything that is found."""
        address = salesforce_address(self._settings.salesforce)
        sessions = SessionSource(address)
        session: Session | None = None

        async def log_in() -> list[CheckResult]:
            nonlocal session
            session, found = await org_login.log_in(sessions, address)
            return found

        found = await asked("salesforce.login", log_in, self._deadline)
        url = session.instance_url if session else address.login_url
        free = asked(
            "salesforce.api_version",
            lambda: org_login.examine_versions(url, address.api_version),
            self._deadline,
        )
        if session is None:
            return [
                *found,
                *await free,
                *_not_asked("there is no session to ask with", "Fix the login first."),
            ]
        found += [*org_login.examine_org(session, self._settings.salesforce.org_id), *await free]
        if any(each.code == "salesforce.api_version_unsupported" for each in found):
            # Every address of that version would look like one that the org lacks.
            told = f"the org does not serve v{address.api_version}"
            return found + _not_asked(told, "Set the API version first.", but="salesforce.org")
        is_ours = all(each.code != "salesforce.other_org" for each in found)
        pubsub = await self._pubsub(sessions) if is_ours else [_OF_ANOTHER]
        return [*found, *pubsub, *await self._paid(sessions, session)]

    async def _pubsub(self, sessions: SessionSource) -> list[CheckResult]:
        if self._catalogue is None:
            return [not_asked("salesforce.pubsub", "the catalogue cannot be read", _CORRECT)]
        address = pubsub_address(self._settings.salesforce)
        connection = PubsubConnection(sessions, address, self._catalogue)
        channels = sorted({each.channel for each in self._streamed if each.transport == "pubsub"})
        ask = partial(examine_pubsub, connection, address.endpoint, channels)
        return await asked("salesforce.pubsub", ask, self._deadline)

    async def _paid(self, sessions: SessionSource, session: Session) -> list[CheckResult]:
        """The checks that cost API calls. The allocations come first: an org without calls to spare
        is asked nothing else.
        """
        settings = self._settings
        with counting_calls() as count:
            objects = 0 if self._catalogue is None else len(self._catalogue.objects)
            async with (
                org_tokens(settings, await asyncio.shield(self._connection), objects) as (
                    tokens,
                    self.paid_by,
                ),
                OrgHttp(sessions, tokens, api_version=settings.salesforce.api_version) as org,
            ):
                found = await asked(
                    "salesforce.allocations",
                    lambda: examine_allocations(
                        org, streams=bool(self._streamed), margin=settings.budgets.margin
                    ),
                    self._deadline,
                )
                found += await self._rest(org, session)
            self.calls = count.calls
        return found

    async def _rest(self, org: OrgHttp, session: Session) -> list[CheckResult]:
        if self._catalogue is None:
            blind = ("salesforce.permissions", "salesforce.object", "salesforce.cdc")
            return [not_asked(check, "the catalogue cannot be read", _CORRECT) for check in blind]
        specs = list(self._catalogue.objects.values())
        names = [spec.name for spec in specs]
        room = asyncio.Semaphore(_AT_ONCE)

        async def described(spec: ObjectSpec) -> list[CheckResult]:
            async with room:
                return await examine_object(org, spec)

        answers = await asyncio.gather(
            asked(
                "salesforce.permissions",
                lambda: examine_permissions(org, session.user_id, names),
                self._deadline,
            ),
            asked("salesforce.cdc", lambda: examine_selection(org, self._streamed), self._deadline),
            *(
                asked("salesforce.object", partial(described, spec), self._deadline, where=spec.name)
                for spec in specs
            ),
        )
        return [each for found in answers for each in found]


def _not_asked(told: str, remedy: str, *, but: str = "") -> list[CheckResult]:
    """Every check that needs a session and the API is unknown."""
    return [
        not_asked(check, told, remedy)
        for check in CHECKS
        if check.startswith("salesforce.") and check not in (*_FREE, but)
    ]
