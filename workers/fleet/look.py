"""One look at every org of the fleet: all APIs are asked at once, each within its own time.

An org that gives no report is unknown. Its last report is kept with its age, in this process only.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from clients.fleet import NoReportError, open_http, read_status
from clients.secrets import SECRETS
from schemas.errors import TidegateError
from schemas.fleet import FleetStatus, MemberStatus
from schemas.settings.fleet import FleetMember, FleetSettings
from schemas.status import EngineStatus
from transforms.status.fleet import faults_of, reported, unreported, worst_first
from workers.fleet.members import fleet_members, token_of
from workers.status.asking import AskingThread, StillAskedError
from workers.status.look import SHARED_FOR

_STILL_SHOWN: Final = timedelta(seconds=30)
"""A look of this age is shown while the next one waits for a slow org."""
_PATIENCE_SECONDS: Final = 1.0
"""Wait for the next look, where there is one to show."""


class FleetLook:
    """Asks the members of one fleet. One for a process; not for several event loops.

    Args:
        settings: Of the fleet. Its file is read at once.

    Raises:
        SettingsError: The fleet's file, or that of the authorities, cannot be used.
    """

    def __init__(self, settings: FleetSettings) -> None:
        self.members = fleet_members(settings)
        self._turns = asyncio.Semaphore(settings.at_once)
        self._tokens = {each.name: AskingThread(f"token-{each.name}") for each in self.members}
        self._last: dict[str, MemberStatus] = {}
        self._http = open_http(settings.ca_file, settings.at_once)
        self._shared: FleetStatus | None = None
        self._running: asyncio.Task[FleetStatus] | None = None

    async def look(self) -> FleetStatus:
        """Ask every org now. Raises nothing."""
        at = datetime.now(UTC)
        return FleetStatus(at=at, members=worst_first(await self._ask_all(self.members)))

    async def sure(self) -> FleetStatus:
        """A look whose silences count: an org that gave no report is asked once more."""
        found = await self.look()
        silent = {each.name for each in found.members if each.reported_at is None}
        again = await self._ask_all(tuple(each for each in self.members if each.name in silent))
        answered = [each for each in found.members if each.name not in silent]
        return FleetStatus(at=found.at, members=worst_first([*answered, *again]))

    async def recent(self, within: timedelta = SHARED_FOR) -> FleetStatus:
        """A look that all viewers share. The orgs are asked once in `within`, however many view.

        A look of up to 30 seconds is returned while the next one waits for a slow org; `at` says of
        when it is.
        """
        found, now = self._shared, datetime.now(UTC)
        if found is not None and now - found.at <= within:
            return found
        if self._running is None:
            self._running = asyncio.create_task(self._share())
            self._running.add_done_callback(self._has_ended)
        running = self._running
        if found is not None and now - found.at <= _STILL_SHOWN:
            done, _ = await asyncio.wait({running}, timeout=_PATIENCE_SECONDS)
            if not done:
                return found
        return await asyncio.shield(running)

    async def close(self) -> None:
        """End the look that is under way, and give the connections back."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
        await self._http.aclose()

    async def _share(self) -> FleetStatus:
        self._shared = await self.look()
        return self._shared

    def _has_ended(self, running: asyncio.Task[FleetStatus]) -> None:
        self._running = None
        if not running.cancelled():
            running.exception()  # each viewer that waits gets it; nobody has to

    async def _ask_all(self, members: tuple[FleetMember, ...]) -> list[MemberStatus]:
        return list(await asyncio.gather(*map(self._ask, members)))

    async def _ask(self, member: FleetMember) -> MemberStatus:
        async with self._turns:
            try:
                found = reported(member, await self._report(member))
            except NoReportError as error:
                return unreported(member, error.why, error.remedy, self._last.get(member.name))
        self._last[member.name] = found
        return found

    async def _report(self, member: FleetMember) -> EngineStatus:
        """The report of an org, of now. Every fault becomes `NoReportError`: one org must not hide
        the others.
        """
        seconds = member.timeout.total_seconds()
        try:
            token = await self._token(member)
            async with asyncio.timeout(seconds):
                status = await read_status(self._http, member.url, token)
        except NoReportError as error:
            if error.is_refused:
                SECRETS.forget()  # a token that was rotated is read again by the next look
            raise
        except TimeoutError:
            remedy = "Look at its API: its process, its load, the network to it."
            raise NoReportError(f"no answer within {seconds:g} s", remedy) from None
        except Exception as error:  # a fault of ours: it may quote a token, so its name is enough
            remedy = "Report it, with the command line that shows it."
            raise NoReportError(f"asking failed: {type(error).__name__}", remedy) from error
        if faults := faults_of(member, status, datetime.now(UTC)):
            raise NoReportError(*faults)
        return status

    async def _token(self, member: FleetMember) -> str:
        seconds = member.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                return await self._tokens[member.name].ask(lambda: token_of(member))
        except (TimeoutError, StillAskedError):
            why = f"its token could not be read within {seconds:g} s"
            raise NoReportError(why, "Look at the store that keeps the token.") from None
        except TidegateError as error:
            raise NoReportError("its token cannot be read", str(error)) from error
