"""Errors of the reporting model."""

from schemas.errors.base import TerminalError


class ModelBuildError(TerminalError):
    """dbt ended before it could say what it did."""

    code = "ModelBuildError"

    def __init__(self, *, command: str, status: int, detail: str) -> None:
        self.command = command
        self.status = status
        self.detail = detail
        super().__init__(
            f"dbt {command} ended with {status} before any model: {detail}\n"
            "Correct what it names; `tidegate model project --out FOLDER` writes the project that it was given."
        )
