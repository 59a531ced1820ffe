"""Jobs in YAML files: accepted ones, and the errors of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.core.errors import InvalidRequest
from http_gateway.cli.jobs.job_file import load_job_file
from tests.support.documents import README, blocks, page

HEAD = """
model_config: {layer_sizes: [64, 10]}
dataset_config: {name: digits}
"""
DEVICES = "devices: [{ip: localhost, port: 5001}]\n"
WHOLE = HEAD + DEVICES


def write(folder: Path, text: str) -> Path:
    path = folder / "job.yaml"
    path.write_text(text)
    return path


def test_a_file_is_the_bodies_of_the_requests(job_file: Path) -> None:
    job = load_job_file(job_file)
    assert job.model_config == {"layer_sizes": [784, 128, 10], "seed": 7}
    assert job.dataset_config == {"name": "digits", "resize": [28, 28]}
    assert job.devices == ({"ip": "localhost", "port": 5001}, {"ip": "10.0.0.2", "port": 5002})
    assert job.train == {"epochs": 3, "learning_rate": 0.05}
    assert job.failure_policy == {"min_devices": 2}
    assert job.checkpoints == {"interval_s": 5}


@pytest.mark.parametrize("train", ["", "train:", "train: {}"])
def test_how_to_train_may_be_left_to_the_gateway(tmp_path: Path, train: str) -> None:
    job = load_job_file(write(tmp_path, WHOLE + train))
    assert (job.train, job.failure_policy, job.checkpoints) == ({}, None, None)


def test_a_split_and_limits_may_be_asked_for(tmp_path: Path) -> None:
    asked = "initialize: {partition: even, devices: {'1': {threads: 1}}}"
    job = load_job_file(write(tmp_path, WHOLE + asked))
    assert job.initialize == {"partition": "even", "devices": {"1": {"threads": 1}}}
    with pytest.raises(
        InvalidRequest, match=r"initialize\.partition is 'odd', but must be \"auto\""
    ):
        load_job_file(write(tmp_path, WHOLE + "initialize: {partition: odd}"))


@pytest.mark.parametrize("rate", ["1e-3", "1.0e-3", "0.001", "1E-3", "1.e-3"])
def test_a_number_is_written_as_people_do(tmp_path: Path, rate: str) -> None:
    path = write(tmp_path, f"{WHOLE}train: {{learning_rate: {rate}}}")
    assert load_job_file(path).train == {"learning_rate": 0.001}


def test_parts_may_be_merged_as_yaml_does(tmp_path: Path) -> None:
    text = WHOLE.replace(
        "{name: digits}", "&data\n  <<: {name: digits, batch_size: 8}\n  name: MNIST"
    )
    assert load_job_file(write(tmp_path, text)).dataset_config == {"name": "MNIST", "batch_size": 8}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "",
            "must hold the keys model_config, dataset_config, devices and, if need be, initialize",
        ),
        ("port: 4000", "is none: it must hold the keys model_config"),
        ("- 1", "must hold the keys model_config, dataset_config, devices"),
        (HEAD, "devices is missing: it must be a list of 1 to 10000 entries"),
        (
            DEVICES,
            "model_config is missing: it must be an object with layer_sizes, layers, architecture",
        ),
        (HEAD + "devices: []", "devices has 0 entries, but must be a list of 1 to 10000 entries"),
        (HEAD + "devices: [5001]", "devices[0] is 5001, but must be an object with ip, port"),
        (HEAD + "devices: [{ip: '::1'}]", "devices[0].port is missing: it must be an integer from"),
        (HEAD + "devices: [{ip: desk, port: 1}]", "devices[0].ip is 'desk', but must be an IP"),
        (HEAD + "devices: [{ip: '::1', port: 0}]", "devices[0].port is 0, but must be an integer"),
        (
            WHOLE + "modle: 1",
            'it has no field "modle"; it has: model_config, dataset_config, devices, initialize, '
            "train, task, train_config, failure_policy, checkpoints",
        ),
        (WHOLE + "train: {epoch: 1}", 'train has no field "epoch"; it has: epochs, learning_rate'),
        (
            WHOLE + "train: {epochs: 0}",
            "train.epochs is 0, but must be an integer from 1 to 100000",
        ),
        (
            WHOLE + "failure_policy: {min_devices: 0}",
            "failure_policy.min_devices is 0, but must be an integer from 1 to 1000",
        ),
        (WHOLE + "checkpoints: 30", "checkpoints is 30, but must be an object with interval_s"),
        (WHOLE + "train: fast", "train is 'fast', but must be an object with epochs"),
        (
            WHOLE.replace("[64, 10]", "[64]"),
            "model_config.layer_sizes has 1 entries, but must be a list of 2 to 10001 entries",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_limit(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidRequest) as caught:
        load_job_file(path)
    assert caught.value.message.startswith(f"The job file {path} ")
    assert said in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("train:\n  epochs: 3\n  learning_rate: 0,1", ["line 6", "'0,1'", "did you mean 0.1,"]),
        ("train: {epochs: 3, learning_rate: 0,1}", ["line 4", "learning_rate is 0,1", "0.1"]),
        ("train: {learning_rate: 0,05, epochs: 3}", ["line 4", "0,05", "write 0.05"]),
        ("train: {learning_rate: 1,5e-3}", ["line 4", "1,5e-3", "write 1.5e-3"]),
        ("train: {epochs: '3'}", ["line 4", "train.epochs is '3'", "did you mean 3?"]),
        ("train: {epochs: 1 000}", ["line 4", "'1 000'", "did you mean 1000?"]),
        ("train: {epochs: 010}", ["line 4", "'010'", "did you mean 10?"]),
        ("train: {epochs: 1:30}", ["line 4", "'1:30'", "an integer from 1"]),
        ("train: {epochs: 2026-01-01}", ["line 4", "'2026-01-01'", "an integer from 1"]),
        ("train: {epochs: yes}", ["line 4", "train.epochs is true"]),
        ("train:\n  epochs:3", ["line 4", 'did you mean "epochs: 3", with a space']),
        ("train: {epochs:3}", ["line 4", 'no field "epochs:3"', '"epochs: 3", with a space']),
        ("train: {epoch: 3}", ["line 4", 'train has no field "epoch"', 'did you mean "epochs"?']),
        ("\ntrian: {}", ["line 5", 'no field "trian"', 'did you mean "train"?']),
        ("failure: {}", ["line 4", 'did you mean "failure_policy"?']),
        ("on: 1", ["line 4", 'no field "on"']),
        ("1: 2", ["line 4", 'no field "1"']),
        ("train:\nepochs: 3", ["line 5", 'no field "epochs"']),
    ],
)
def test_a_slip_is_told_with_its_line_and_what_to_write(
    tmp_path: Path, more: str, said: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_job_file(write(tmp_path, WHOLE.lstrip() + more))
    assert [part for part in said if part not in caught.value.message] == []


def test_the_devices_of_initialize_may_be_named_without_quotes(tmp_path: Path) -> None:
    job = load_job_file(write(tmp_path, WHOLE + "initialize: {devices: {1: {threads: 1}}}"))
    assert job.initialize == {"devices": {"1": {"threads": 1}}}


def test_only_a_guess_that_would_be_taken_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_job_file(write(tmp_path, WHOLE + "train: {epochs: 1.5, learning_rate: fast}"))
    assert "did you mean" not in caught.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no\.yaml can't be read: No such file or directory"):
        load_job_file(tmp_path / "no.yaml")
    with pytest.raises(InvalidRequest, match="can't be read: Is a directory"):
        load_job_file(tmp_path)


def test_the_files_in_the_pages_load(tmp_path: Path) -> None:
    shown = [*blocks("yaml", README), *blocks("yaml", page("api"))]
    assert len(shown) == 2
    for text in shown:
        assert len(load_job_file(write(tmp_path, text)).devices) == 2
