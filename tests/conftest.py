"""One embedded cluster with three devices serves every test that leaves it as it found it; each
worker that passes tests has its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from http_gateway.client import TandemClient
from http_gateway.process.gateway_process import GatewayProcess

PYTHONS = signal.default_int_handler

# Examples have no deadline: how long one takes tells how busy the machine is.
hypothesis.settings.register_profile("tandem", deadline=None)
hypothesis.settings.load_profile("tandem")


def pytest_configure() -> None:
    """Tests send signals, and whoever started them may have had some ignored: `nohup`, or a script
    that runs them in the background."""
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, PYTHONS)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves the extended tests out, unless they are asked for."""
    if os.environ.get("TANDEM_EXTENDED_TESTS") == "1":
        return
    for item in items:
        if item.get_closest_marker("extended"):
            item.add_marker(pytest.mark.skip(reason="takes long: `make test-extended` runs it"))


@pytest.fixture(scope="session", autouse=True)
def _settings_of_the_tests() -> Iterator[None]:
    """The tests' gateways and commands have tokens of their own, or none. Ray's dashboard, which no
    test looks at, is ten processes a cluster; the demo's test starts it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TANDEM_API_TOKEN", "TANDEM_API_TOKEN_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("TANDEM_DASHBOARD", "false")
        yield


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of the tests' own: nothing is read from the user's or left there."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[GatewayProcess]:
    files = home / "files"  # that a test may write, and name in its jobs
    files.mkdir()
    env = {**os.environ, "HOME": str(home), "TANDEM_DATA_ROOTS": str(files)}
    storage = tmp_path_factory.mktemp("storage")
    process = GatewayProcess.start(storage, ["--local-devices", "3"], env, timeout_s=120.0)
    yield process
    assert process.stop() == 0, process.log_path.read_text()


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[TandemClient]:
    """The shared gateway's client; every job is gone afterwards, so no device stays held."""
    client = TandemClient(gateway.url, timeout_s=60.0)
    yield client
    for job in client.list_jobs():
        if job["status"] == "training":
            client.stop_job(job["job_id"])
            client.wait_for(job["job_id"], {"completed", "failed", "stopped"}, timeout_s=30.0)
        client.delete_job(job["job_id"])
