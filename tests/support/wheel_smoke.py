"""Trains from an installed wheel as a new user would, in the environment of the ``tandem`` that is
named: ``python wheel_smoke.py <path of tandem>``. Needs nothing but Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_S = 180.0
TRAIN_S = 240.0
STOP_S = 90.0
JOB = """
model_config: {layer_sizes: [64, 32, 10]}
dataset_config: {name: digits, batch_size: 64}
devices:
  - {ip: localhost, port: 5001}
  - {ip: localhost, port: 5002}
train: {epochs: 1}
"""


def wait_for_gateway(process: subprocess.Popen[bytes], port_file: Path) -> str:
    """Its address, once it serves."""
    ends = time.monotonic() + START_S
    while not port_file.exists():
        if process.poll() is not None or time.monotonic() > ends:
            raise SystemExit(f"the gateway did not start within {START_S:.0f} s")
        time.sleep(0.2)
    return str(json.loads(port_file.read_text())["url"])


def main(tandem: str) -> None:
    foreign = ("PYTHONPATH", "RAY_", "TANDEM_")  # another cluster's, another folder's
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    with tempfile.TemporaryDirectory(prefix="tandem-smoke-") as name:
        folder = Path(name)
        (folder / "job.yaml").write_text(JOB)
        subprocess.run([tandem, "--version"], check=True, cwd=folder, env=env, timeout=START_S)
        port_file = folder / "gateway.json"
        serve = [tandem, "serve", "--port", "0", "--port-file", str(port_file)]
        serve += ["--storage-path", str(folder / "storage")]
        gateway = subprocess.Popen(serve, cwd=folder, env=env)
        try:
            url = wait_for_gateway(gateway, port_file)
            train = [tandem, "train", "job.yaml", "--url", url, "--model-out", "m.safetensors"]
            subprocess.run(train, check=True, cwd=folder, env=env, timeout=TRAIN_S)
            assert (folder / "m.safetensors").stat().st_size > 0
        finally:
            gateway.send_signal(signal.SIGINT)
            try:
                ended = gateway.wait(STOP_S)
            except subprocess.TimeoutExpired:
                gateway.kill()
                stop = [tandem, "stop", "--storage-path", str(folder / "storage")]
                subprocess.run(stop, check=False, cwd=folder, env=env, timeout=STOP_S)
                ended = -signal.SIGKILL
        if ended != 0:
            raise SystemExit(f"the gateway ended with {ended}")
    print("The wheel trains.")


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).absolute()))
