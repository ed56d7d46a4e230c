"""The AWS region of this process."""

import os

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


def environment_region() -> str | None:
    """The region that the environment names: AWS_REGION before AWS_DEFAULT_REGION. None = it names
    none.
    """
    return next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)
