"""One lease in the governor's books."""

from pydantic import BaseModel

from schemas.governor import LeaseClass


class HeldLease(BaseModel):
    """The tokens that one process holds for one class."""

    process: str
    lease_class: LeaseClass
    granted: int = 0
    spent: int = 0
    returned: int = 0
    ends_at: float = 0.0
    """When what is left counts as spent (seconds since the epoch)."""

    @property
    def alive(self) -> int:
        """Tokens that the process may still spend."""
        return max(0, self.granted - self.spent - self.returned)
