"""Settings of the log lines of workers and API processes."""

from typing import Literal

from schemas.settings.base import SettingsGroup

LogFormat = Literal["auto", "json", "text"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class LogSettings(SettingsGroup):
    """Log lines on standard error. They hold no value of a record, at any level."""

    format: LogFormat = "auto"
    """`json` writes one object a line, `text` is for people. `auto` = text on a terminal, JSON
    elsewhere.
    """
    level: LogLevel = "INFO"
    """Lowest level of the engine's own lines. `DEBUG` adds a line for each call to Salesforce.
    Libraries log warnings only, whatever the level.
    """
