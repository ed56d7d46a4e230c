"""The end of a process at a boundary, between an effect and everything that would have followed."""

from tests.storm.loop import HOST


class DiedError(BaseException):
    """The process has ended here. Nobody catches it: the loop drops it with the process."""


def die() -> None:
    """End the process that calls. In the world, where no process runs, nothing happens."""
    host = HOST.get()
    if host is not None:
        host.die()
        raise DiedError
