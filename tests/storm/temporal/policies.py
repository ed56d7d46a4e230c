"""Why a run cannot be started, or reached."""

from tests.storm.temporal.run import Run


class AlreadyStartedError(Exception):
    """A run with this id is open, or has been."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.started.workflow_id)
        self.run = run


class NotFoundError(Exception):
    """There is no open run of this id."""
