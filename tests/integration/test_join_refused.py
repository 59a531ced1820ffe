"""What a newcomer is told who is refused: a sentence with its remedy, in time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from tests.support.documents import page
from tests.support.hosts import Host, clean_environment, why_not
from tests.support.newcomers import TANDEM, TOLD_WITHIN_S, refusal, token_of
from tests.support.other_versions import OTHER_RAY, ROOT, installed, other_python
from tests.support.ray_nodes import BareEnvironment

RAY_START = ["-m", "ray.scripts.scripts", "start"]
WRONG_TOKEN = "0123456789abcdef" * 4
REASON = why_not()

pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@dataclass(frozen=True)
class Refusal:
    """How a command ended, and after how long."""

    done: subprocess.CompletedProcess[str]
    seconds: float

    @property
    def said(self) -> str:
        return self.done.stdout + self.done.stderr


@pytest.fixture(scope="module", autouse=True)
def strangers(
    hosts: tuple[Host, Host], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Refusal]]]:
    """Those without the cluster's token, by command and token; all at once and beside the other
    tests, for each has to wait until Ray has lost its patience."""
    head, laptop = hosts
    address = f"{head.ip}:6379"
    bare = BareEnvironment.make(tmp_path_factory.mktemp("bare") / "env")
    serve = [*TANDEM, "serve", "--port", "0", "--storage-path", "other", "--ray-address", address]
    start = [bare.python, *RAY_START, f"--address={address}", "--node-manager-port=5001"]
    driver = [bare.python, "-c", f"import ray; ray.init({address!r})"]
    wrong = {"RAY_AUTH_TOKEN": WRONG_TOKEN}
    cases: dict[str, tuple[Host, list[str], dict[str, str]]] = {
        "serve, wrong": (head, serve, wrong),
        "serve, none": (head, serve, {}),
        "start, wrong": (laptop, start, {**bare.env, **wrong, "RAY_AUTH_MODE": "token"}),
        "start, none": (laptop, start, bare.env),
        "driver, none": (head, driver, bare.env),
    }

    def refused(case: str) -> Refusal:
        host, command, env = cases[case]
        began = time.monotonic()
        done = host.run(command, {**clean_environment(), **env})
        return Refusal(done, time.monotonic() - began)

    with ThreadPoolExecutor(len(cases)) as pool:
        yield {case: pool.submit(refused, case) for case in cases}


@pytest.fixture(scope="module")
def other_ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ray")
    with installed(folder / "packages", [f"ray=={OTHER_RAY}"], "--no-deps") as packages:
        yield packages


def test_without_a_token_it_says_where_to_find_it(hosts: tuple[Host, Host]) -> None:
    head, laptop = hosts
    text = refusal(laptop, head.ip)
    assert "RAY_AUTH_TOKEN" in text and f"cat ~/.tandem/tokens/{head.ip}_6379" in text


def test_a_wrong_token_is_told_and_not_kept(hosts: tuple[Host, Host], tmp_path: Path) -> None:
    head, laptop = hosts
    wrong = tmp_path / "wrong"
    wrong.write_text(WRONG_TOKEN)
    text = refusal(laptop, head.ip, "--token-file", str(wrong))
    assert "does not accept this device's token" in text and WRONG_TOKEN not in text
    assert "no token of" in refusal(laptop, head.ip)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (
            "127.0.0.1:6380",
            "at the Ray address 127.0.0.1:6380: on the head run `tandem head`",
        ),
        ("host:port", "'host:port' is not of the form host:port"),
        ("nowhere.invalid", "Nothing answers at the Ray address nowhere.invalid:6379"),
    ],
)
def test_a_head_that_can_not_be_reached_is_told(
    hosts: tuple[Host, Host], head: str, words: str
) -> None:
    assert words in refusal(hosts[1], head)


def test_another_ray_is_told_with_the_command_that_mends_it(
    hosts: tuple[Host, Host], other_ray: Path
) -> None:
    head, laptop = hosts
    env = {"PYTHONPATH": str(other_ray)}
    ours = f"the head has Ray {ray.__version__} and"
    remedy = f"run here `pip install 'ray[default]=={ray.__version__}'`"
    joining = refusal(laptop, head.ip, RAY_AUTH_TOKEN=token_of(head), **env)
    serving = refusal(head, "--ray-address", f"{head.ip}:6379", command="serve", **env)
    for text in (joining, serving):
        assert ours in text and f"this device Ray {OTHER_RAY} and" in text and remedy in text


@pytest.mark.extended
def test_ray_itself_tells_another_ray_in_the_words_of_the_documentation(
    hosts: tuple[Host, Host], other_ray: Path, tmp_path: Path
) -> None:
    head, laptop = hosts
    bare = BareEnvironment.make(tmp_path / "bare").with_packages(other_ray)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token_of(head)}
    start = ["start", f"--address={head.ip}:6379", "--node-manager-port=5001"]
    command = [bare.python, "-m", "ray.scripts.scripts", *start]
    done = laptop.run(command, {**clean_environment(), **bare.env, **token})
    assert done.returncode != 0
    words = "Version mismatch: The cluster was started with"
    assert words in done.stderr and OTHER_RAY in done.stderr
    assert words in page("troubleshooting")


@pytest.mark.extended
def test_another_minor_version_of_python_is_told_with_the_command_that_mends_it(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    head, laptop = hosts
    other = other_python()
    if other is None:
        pytest.skip("no Python of another minor version is here")
    # What `tandem join` imports; it needs no torch.
    packages = [f"ray=={ray.__version__}", "typer", "psutil", "pydantic-settings[yaml]", "requests"]
    wheels = ["--python-version", other.version, "--implementation", "cp"]
    with installed(tmp_path / "env", packages, "--only-binary=:all:", *wheels) as folder:
        env = {"PYTHONPATH": f"{folder}:{ROOT}", "RAY_AUTH_TOKEN": token_of(head)}
        text = refusal(laptop, head.ip, python=other.command, **env)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"and Python {own}." in text and f"and Python {other.version}." in text
    remedy = f".venv/bin/pip install 'ray[default]=={ray.__version__}'"
    assert f"run here `python{own} -m venv .venv && {remedy}`" in text


@pytest.mark.parametrize("token", ["wrong", "none"])
def test_a_gateway_without_the_clusters_token_is_told_where_it_is(
    hosts: tuple[Host, Host], strangers: dict[str, Future[Refusal]], token: str
) -> None:
    refused = strangers[f"serve, {token}"].result()
    assert refused.seconds < TOLD_WITHIN_S and refused.done.returncode == 1
    sentence = refused.done.stderr.splitlines()[-1]
    assert sentence.startswith("tandem: ") and WRONG_TOKEN not in refused.said
    assert f"`cat ~/.tandem/tokens/{hosts[0].ip}_6379`" in sentence
    assert "give it here by RAY_AUTH_TOKEN" in sentence


@pytest.mark.parametrize("token", ["wrong", "none"])
def test_ray_itself_tells_a_token_in_the_words_of_the_documentation(
    strangers: dict[str, Future[Refusal]], token: str
) -> None:
    refused = strangers[f"start, {token}"].result()
    assert refused.done.returncode != 0  # how long that takes is Ray's own
    words = "Authentication token is missing or incorrect"
    assert words in refused.said and words in page("troubleshooting")


def test_ray_refuses_a_program_without_the_clusters_token(
    strangers: dict[str, Future[Refusal]],
) -> None:
    refused = strangers["driver, none"].result()
    assert refused.done.returncode != 0 and "InvalidAuthToken" in refused.said
