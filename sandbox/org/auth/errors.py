"""The token endpoint's refusals: HTTP 400 with an object, not the array of the REST API."""


class OAuthError(Exception):
    """A grant is refused.

    Args:
        error: OAuth's code, such as `invalid_grant`.
        description: Salesforce's sentence; clients compare some of them letter by letter.
    """

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(f"{error}: {description}")
