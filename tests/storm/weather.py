"""How often each fault strikes."""

from tests.storm.fate import Weather

STORM = Weather(
    {
        "step": (("lost", 0.01), ("unheard", 0.04)),
        "beat": (("lost", 0.05),),
        "workflow.task": (("evicted", 0.05),),
        "rpc": (("refused", 0.02), ("lost", 0.02), ("dies", 0.002)),
        "s3": (("refused", 0.01), ("lost", 0.01)),
        "s3:create": (("refused", 0.02), ("lost", 0.03), ("again", 0.03), ("dies", 0.03)),
        "s3:confirmed": (("refused", 0.02), ("lost", 0.02), ("vanishes", 0.02), ("dies", 0.01)),
        "warehouse": (("refused", 0.03), ("aborted", 0.03), ("lost", 0.04), ("dies", 0.005)),
        "store": (("refused", 0.01), ("aborted", 0.02), ("lost", 0.03), ("dies", 0.005)),
        "audit": (("refused", 0.05), ("lost", 0.05), ("dies", 0.02)),
        "org:write": (
            ("unreached", 0.05),
            ("refused", 0.05),
            ("lost", 0.12),
            ("expired", 0.04),
            ("dies", 0.03),
        ),
        "org": (("expired", 0.01), ("unreached", 0.03), ("refused", 0.03), ("lost", 0.04)),
        "stream:open": (("refused", 0.1),),
        "stream:answer": (("cut", 0.01), ("lost", 0.02), ("doubled", 0.03)),
        "look": (("silent", 0.05), ("refused", 0.05)),
    }
)
CALM = Weather({})
