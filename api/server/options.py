"""How the server is run: one place for the process and for tests."""

from typing import Any

from api.server.bounded_protocol import bounded
from schemas.settings.api import ApiSettings

_DRAIN_SECONDS = 8


def server_options(settings: ApiSettings) -> dict[str, Any]:
    """Arguments of `uvicorn.Config`, but for the application."""
    limits = settings.limits
    return {
        "host": settings.host,
        "port": settings.port,
        "loop": "uvloop",
        "http": bounded(limits),
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # Without a named proxy, `X-Forwarded-For` is anybody's claim.
        "proxy_headers": bool(settings.proxies),
        "forwarded_allow_ips": ",".join(settings.proxies),
        "timeout_keep_alive": round(limits.idle_time.total_seconds()),
        "timeout_graceful_shutdown": _DRAIN_SECONDS,
    }
