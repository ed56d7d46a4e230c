"""Answers of the control plane."""

from typing import Any

import orjson
from starlette.responses import Response


class JsonResponse(Response):
    """JSON by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)
