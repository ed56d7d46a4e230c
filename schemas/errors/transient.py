"""Errors after which trying again may help."""

from datetime import timedelta

from schemas.errors.base import TransientError


class UnavailableError(TransientError):
    """A remote system did not answer, or answered that it cannot serve now."""

    code = "UnavailableError"

    def __init__(self, *, system: str, detail: str) -> None:
        self.system = system
        self.detail = detail
        super().__init__(f"{system} is unavailable: {detail}. The step is tried again by itself.")


class CallTooSlowError(UnavailableError):
    """A call was given up because it took too long, by Salesforce or by us; a narrower one may
    succeed.
    """

    code = "CallTooSlowError"

    def __init__(self, *, system: str, detail: str) -> None:
        self.system = system
        self.detail = detail
        TransientError.__init__(
            self, f"{system} took too long: {detail}. The step is tried again by itself, asking for less."
        )


class SessionEndedError(UnavailableError):
    """Salesforce refuses a session that the token endpoint gave a moment ago; the login itself went
    well.

    Somebody or some policy ends sessions. That passes, so a lane must not wait for an operator.
    """

    code = "SessionEndedError"

    def __init__(self, *, detail: str) -> None:
        self.system = "Salesforce"
        self.detail = detail
        TransientError.__init__(
            self,
            f"Salesforce ended a session that it had just given (401: {detail}). The step logs in and is tried again. "
            "If this lasts, look in Setup > Session Management for what ends the integration user's sessions.",
        )


class UnknownOutcomeError(TransientError):
    """A write was sent, and nobody knows whether the remote system carried it out: it is looked up
    before it is sent again.
    """

    code = "UnknownOutcomeError"

    def __init__(self, *, system: str, detail: str, is_over: bool) -> None:
        self.system = system
        self.is_over = is_over
        """True: the system itself has answered, so what it did is done. False: it may still be at
        it.
        """
        super().__init__(
            f"{system} may or may not have carried out a write: {detail}. It is looked up before anything is sent again."
        )


class RateLimitedError(TransientError):
    """A remote system asks us to come back later."""

    code = "RateLimitedError"
    retry_after: timedelta

    def __init__(self, *, system: str, detail: str, retry_after: timedelta) -> None:
        self.system = system
        self.retry_after = retry_after
        super().__init__(
            f"{system} refuses for now: {detail}. Next try in {retry_after.total_seconds():.0f} s."
        )


class BudgetSpentError(RateLimitedError):
    """The governor grants no token for a call now; the call was not made."""

    code = "BudgetSpentError"
    is_expected = True

    def __init__(self, *, budget: str, lease_class: str, reason: str, retry_after: timedelta) -> None:
        self.budget = budget
        self.lease_class = lease_class
        self.system = "The governor"
        self.retry_after = retry_after
        TransientError.__init__(
            self,
            f"The governor grants no {budget} to {lease_class} now: {reason}. Nothing was sent; next try in "
            f"{retry_after.total_seconds():.0f} s. `tidegate budget` shows who spends it.",
        )


class StreamBrokenError(TransientError):
    """A subscription ended; nothing is lost, it is opened again from the last landed position."""

    code = "StreamBrokenError"

    def __init__(self, *, lane: str, detail: str) -> None:
        self.lane = lane
        super().__init__(
            f"The stream of lane {lane} broke: {detail}. It is opened again from the last position."
        )


class SchemaChangedError(TransientError):
    """A call names a field that the org does not have any more, or has of another type; a check of
    the schema holds it back.
    """

    code = "SchemaChangedError"

    def __init__(self, *, call: str, detail: str) -> None:
        self.call = call
        super().__init__(
            f"{call} references a field that the org no longer has, or has with another type ({detail}). "
            "A schema check was started and the step will be retried; see `tidegate drift`."
        )


class StaleCatalogueError(TransientError):
    """A step was begun with a catalogue that has been changed since."""

    code = "CatalogueBehindError"
    is_expected = True

    def __init__(self, *, object_name: str) -> None:
        self.object_name = object_name
        super().__init__(
            f"The fields of {object_name} were changed, and this process has only now heard of it. "
            "The step is tried again by itself."
        )


class ObjectHeldError(TransientError):
    """Too many changes of a batch broke rules of severity `reject`; the object's batches wait, and
    raw goes on landing.
    """

    code = "ObjectHeldError"
    is_expected = True
    retry_after = timedelta(seconds=30)

    def __init__(self, *, object_name: str, reason: str) -> None:
        self.object_name = object_name
        self.reason = reason
        super().__init__(
            f"{object_name} is held: {reason} Look at `tidegate quality {object_name}`, then release it: "
            f"`tidegate quality release {object_name} --reason …`."
        )


class ReadCopyError(TransientError):
    """The read copy cannot answer for an object: it is not filled, or differs from the
    warehouse.
    """

    code = "ReadCopyError"

    def __init__(self, *, object_name: str, because: str) -> None:
        self.object_name = object_name
        self.because = because
        super().__init__(
            f"The read copy of {object_name} {because}, so nothing is read from it. "
            f"An operator runs `tidegate warehouse fill {object_name}`; ask again when it is done."
        )
