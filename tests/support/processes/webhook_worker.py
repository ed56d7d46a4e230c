"""A process that delivers to webhooks until it is killed: `python -m
tests.support.processes.webhook_worker FILE`.

FILE holds JSON: where Temporal, the database and the bucket are, the org, and settings of
webhooks. Writes a line to stdout when it is ready.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from clients.storage.objects import S3Address
from clients.warehouse.postgres import PostgresWarehouse
from schemas.settings.webhook import WebhookSettings
from tests.support.engines.webhooks import QUICK, delivering, webhook_engine


@dataclass(frozen=True)
class Where:
    """The remote parts of a worker."""

    temporal: str
    dsn: str
    s3: S3Address
    org: str
    settings: WebhookSettings = QUICK
    seconds: float = 5.0
    """Of one delivery."""

    def as_json(self) -> str:
        """For the file."""
        plain = {"temporal": self.temporal, "dsn": self.dsn, "org": self.org, "seconds": self.seconds}
        settings = self.settings.model_dump(mode="json")
        return json.dumps(plain | {"s3": asdict(self.s3), "settings": settings})

    @classmethod
    def parse(cls, text: str) -> "Where":
        """Of `as_json`."""
        told: dict[str, Any] = json.loads(text)
        settings = WebhookSettings.model_validate(told.pop("settings"))
        return cls(**told | {"s3": S3Address(**told["s3"]), "settings": settings})


@contextmanager
def webhook_worker(folder: Path, where: Where) -> Iterator["subprocess.Popen[str]"]:
    """Run one until left; it is ready."""
    file = folder / "webhook_worker.json"
    file.write_text(where.as_json())
    command = [sys.executable, "-m", "tests.support.processes.webhook_worker", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", "it ended before it was ready"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


async def _work(where: Where) -> None:
    client = await Client.connect(where.temporal, data_converter=pydantic_data_converter)
    with closing(PostgresWarehouse(where.dsn)) as warehouse:
        made = webhook_engine(client, warehouse, where.dsn, where.s3, where.org, where.settings)
        async with made as engine:
            longer = replace(engine, parts=replace(engine.parts, seconds=where.seconds))
            async with delivering(longer):
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(Where.parse(Path(sys.argv[1]).read_text())))
