"""The base of every settings group, and how a setting is renamed without breaking an
installation.
"""

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, model_validator


class SettingsGroup(BaseModel):
    """A group of settings. Frozen; unknown names are errors. The docstring below a field describes
    it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _prefer_new_names(cls, values: Any) -> Any:
        """Drop the old name of a setting when the new one is given, too: from the file and the
        environment, say.
        """
        if not isinstance(values, dict):
            return values
        dropped = set()
        for field in cls.model_fields.values():
            if isinstance(field.validation_alias, AliasChoices):
                given = [name for name in field.validation_alias.choices if name in values]
                dropped.update(given[1:])
        return {name: value for name, value in values.items() if name not in dropped}


def renamed(name: str, *, old: str) -> AliasChoices:
    """Accept a setting as `name` and, for one release, as `old`. The documentation shows `name`."""
    return AliasChoices(name, old)
