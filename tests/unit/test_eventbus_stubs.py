"""The generated code of the Pub/Sub API."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTO = "schemas/eventbus/pubsub_api.proto"


@pytest.mark.slow
def test_the_stubs_are_what_the_proto_file_gives(tmp_path):
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "grpc_python")]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", *outputs, PROTO], cwd=ROOT, check=True)
    for name in ("pubsub_api_pb2.py", "pubsub_api_pb2_grpc.py"):
        assert (tmp_path / "schemas/eventbus" / name).read_text() == (
            ROOT / "schemas/eventbus" / name
        ).read_text()
