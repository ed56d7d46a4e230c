"""When a login may be tried again, and how its callers hear of a refusal."""

import asyncio

import pytest

from clients.salesforce.login_backoff import LoginBackoff, RefusedLogin
from schemas.errors import CredentialsRejectedError, UnavailableError

AWAY = UnavailableError(system="Salesforce", detail="503")


class Watch:
    """A monotonic clock that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def refused() -> CredentialsRejectedError:
    return CredentialsRejectedError(
        system="Salesforce", error_code="invalid_grant", detail="no", setting="TIDEGATE_SALESFORCE__*"
    )


async def gaps(backoff: LoginBackoff, watch: Watch, error: Exception, count: int) -> list[float]:
    """Seconds after each failure until another attempt may be made."""
    found = []
    for _ in range(count):
        assert isinstance(error, CredentialsRejectedError | UnavailableError)
        backoff.failed(error)
        began = watch.now
        while True:
            try:
                await backoff.wait()
                break
            except (CredentialsRejectedError, UnavailableError):
                watch.now += 1
        found.append(watch.now - began)
    return found


async def test_the_gap_doubles_up_to_five_minutes_while_logins_are_refused() -> None:
    watch = Watch()
    found = await gaps(LoginBackoff(watch), watch, refused(), 11)
    assert found == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


async def test_the_gap_stays_short_while_the_login_server_is_away() -> None:
    watch = Watch()
    assert await gaps(LoginBackoff(watch), watch, AWAY, 7) == [1, 2, 4, 8, 16, 30, 30]


def test_a_first_login_that_is_refused_is_rejected_at_once() -> None:
    assert isinstance(LoginBackoff().failed(refused()), CredentialsRejectedError)


def test_a_login_that_worked_is_rejected_at_the_third_refusal() -> None:
    backoff = LoginBackoff()
    backoff.worked()
    told = [backoff.failed(refused()) for _ in range(3)]
    assert [type(each) for each in told] == [UnavailableError, UnavailableError, CredentialsRejectedError]


async def test_an_operator_who_acts_does_not_wait_for_minutes() -> None:
    watch = Watch()
    backoff = LoginBackoff(watch)
    for _ in range(9):
        backoff.failed(refused())
    with pytest.raises(CredentialsRejectedError):
        await backoff.wait()
    watch.now += 2
    backoff.allow_now()
    async with asyncio.timeout(0.5):
        await backoff.wait()


def told(backoff: LoginBackoff) -> RefusedLogin | None:
    return backoff.refused


def test_a_refusal_is_told_with_its_first_time_until_a_login_works() -> None:
    backoff = LoginBackoff()
    backoff.worked()
    assert told(backoff) is None
    for _ in range(2):
        backoff.failed(refused())
        assert told(backoff) is None, "it may be a moment's"
    backoff.failed(refused())
    first = told(backoff)
    assert first is not None
    assert "invalid_grant" in first.reason
    backoff.failed(refused())
    assert told(backoff) == first
    backoff.failed(AWAY)
    assert told(backoff) is None, "nobody knows whether it would be refused"
    backoff.failed(refused())
    backoff.worked()
    assert told(backoff) is None
