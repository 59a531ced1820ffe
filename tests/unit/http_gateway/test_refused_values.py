"""Values out of range: each is refused by field, value and limit, and goes no further."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.answers import error_of, json_of
from tests.support.fake_job_client import FakeJobClient

NAN, INF = float("nan"), float("inf")
WIDTH = "an integer from 1 to 65536"
SIZES = "a list of 2 to 10001 entries"
BATCH = "an integer from 1 to 1000000"
EPOCHS = "an integer from 1 to 100000"
COUNT = 'an integer from 1 to 4096, or "auto"'
SCHEDULES = "one of '1f1b', 'gpipe', 'zb-h1', 'zb-h2', 'auto'"
WIRES = "one of 'fp32', 'bf16', 'int8'"
PARTITION = '"auto", "even", or ranges of layers by device id such as {"1": [0, 2], "2": [2, 3]}'
RATE = "a finite number above 0, at most 1000"
PORT = "an integer from 1 to 65535"
ROWS = "a list of 1 to 10000 entries"
CREATE_TEXT = "Model and dataset configurations are required"
REGISTER_TEXT = "IP, port number, and job ID are required"


def refused(http: FlaskClient, fake: FakeJobClient, path: str, body: Any) -> str:
    """The text of the 400; the JobClient must not have been asked."""
    response = http.post(path, data=json.dumps(body))
    assert fake.calls == []
    return error_of(response, 400)


def shown(value: Any) -> str:
    """In the form of error texts."""
    return json.dumps(value) if value is True or value is None else repr(value)


def job(model: Any = None, dataset: Any = None) -> dict[str, Any]:
    return {
        "model_config": {"layer_sizes": [784, 10], **(model or {})},
        "dataset_config": {"name": "MNIST", **(dataset or {})},
    }


def test_missing_fields_are_answered_with_the_contracts_text(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for body in ["", "{}", '{"ip": "10.0.0.1"}', '{"model_config": {}}']:
        for path, text in [("/api/jobs", CREATE_TEXT), ("/api/devices/register", REGISTER_TEXT)]:
            with subtests.test(body=body, path=path, text=text):
                assert error_of(http.post(path, data=body), 400) == text
                assert fake.calls == []


def test_a_job_needs_both_configurations(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for null in [True, False]:
        for field in ["model_config", "dataset_config"]:
            with subtests.test(null=null, field=field):
                fake.forget()
                body = job()
                body[field] = None
                if not null:
                    del body[field]
                assert refused(http, fake, "/api/jobs", body) == CREATE_TEXT


def test_a_device_needs_ip_port_and_job(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for null in [True, False]:
        for field in ["ip", "port", "job_id"]:
            with subtests.test(null=null, field=field):
                fake.forget()
                body: dict[str, Any] = {"ip": "10.0.0.1", "port": 5001, "job_id": "1", field: None}
                if not null:
                    del body[field]
                assert refused(http, fake, "/api/devices/register", body) == REGISTER_TEXT


def test_layer_sizes(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for sizes, field, value, limit in [
        ([784], "layer_sizes", "has 1 entries", SIZES),
        ([], "layer_sizes", "has 0 entries", SIZES),
        ([7] * 10_002, "layer_sizes", "has 10002 entries", SIZES),
        ([7] * 100_000, "layer_sizes", "has 100000 entries", SIZES),
        ([0] * 100_000, "layer_sizes", "has 100000 entries", SIZES),
        ("784", "layer_sizes", "is '784'", SIZES),
        ({}, "layer_sizes", "is {}", SIZES),
        ([784, 0], "layer_sizes[1]", "is 0", WIDTH),
        ([-1, 10], "layer_sizes[0]", "is -1", WIDTH),
        ([784, 1.5], "layer_sizes[1]", "is 1.5", WIDTH),
        ([784.0, 10], "layer_sizes[0]", "is 784.0", WIDTH),
        ([784, True], "layer_sizes[1]", "is true", WIDTH),
        ([784, 10**9], "layer_sizes[1]", "is 1000000000", WIDTH),
        ([784, 65_537], "layer_sizes[1]", "is 65537", WIDTH),
        ([784, None], "layer_sizes[1]", "is null", WIDTH),
        ([784, "10"], "layer_sizes[1]", "is '10'", WIDTH),
        ([784, [10]], "layer_sizes[1]", "is [10]", WIDTH),
        ([NAN, 10], "layer_sizes[0]", "is nan", WIDTH),
    ]:
        with subtests.test(sizes=sizes, field=field, value=value, limit=limit):
            fake.forget()
            text = refused(http, fake, "/api/jobs", job({"layer_sizes": sizes}))
            assert text == f"model_config.{field} {value}, but must be {limit}"


def test_a_model_is_given_in_exactly_one_way(http: FlaskClient, fake: FakeJobClient) -> None:
    for given, has in (
        ({}, "neither layer_sizes nor layers nor architecture"),
        ({"layer_sizes": None}, "neither layer_sizes nor layers nor architecture"),
        ({"layer_sizes": [784, 10], "layers": [{"type": "Flatten"}]}, "layer_sizes and layers"),
        ({"layers": [{"type": "Flatten"}], "architecture": "cnn"}, "layers and architecture"),
    ):
        text = refused(http, fake, "/api/jobs", {**job(), "model_config": given})
        assert text.startswith(f"model_config has {has}, but must have exactly one of ")


def test_a_config_is_an_architectures(http: FlaskClient, fake: FakeJobClient) -> None:
    model = {"layer_sizes": [784, 10], "config": {}}
    text = refused(http, fake, "/api/jobs", {**job(), "model_config": model})
    assert text == "model_config.config is an architecture's, but model_config has layer_sizes"


def test_initial_weights(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for given, text in [
        ({}, " has neither file nor job, but must have one"),
        ({"file": "a", "job": "1"}, " has file and job, but must have one"),
        ({"file": "a", "checkpoint": "1"}, ".checkpoint is a job's, but model_config."),
        ({"file": 1}, ".file is 1, but must be a string of at most 4096 characters"),
        ({"job": 1}, ".job is 1, but must be a string of at most 64 characters"),
        ({"file": "x" * 5_000}, ".file is 'xxx"),
        ({"file": "a", "seed": 1}, ' has no field "seed"'),
        ({"file": "a", "new": "fc"}, ".new is 'fc', but must be a list of at most 100 entries"),
        ({"job": "1", "new": ["fc"] * 101}, ".new has 101 entries, but must be a list"),
        ({"job": "1", "new": [1]}, ".new[0] is 1, but must be a string of at most 200 characters"),
        ([], " is [], but must be an object with file, job, checkpoint, new"),
        ("a", " is 'a', but must be an object with file, job, checkpoint, new"),
    ]:
        with subtests.test(given=given, text=text):
            fake.forget()
            refusal = refused(http, fake, "/api/jobs", job({"initial_weights": given}))
            assert f"model_config.initial_weights{text}" in refusal


def test_very_many_layers_and_deep_nesting_are_refused_at_once(
    http: FlaskClient, fake: FakeJobClient
) -> None:
    many = {"layers": [{"type": "ReLU"}] * 100_000}
    text = refused(http, fake, "/api/jobs", {**job(), "model_config": many})
    assert text.startswith("model_config.layers has 100000 entries, but must be a list of 1 to ")
    nested = '{"type":"Sequential","layers":[' * 1_000 + '{"type":"ReLU"}' + "]}" * 1_000
    body = '{"model_config":{"layers":[' + nested + ']},"dataset_config":{"name":"digits"}}'
    response = http.post("/api/jobs", data=body)
    assert response.status_code == 400 and "nested" in json_of(response)["error"]


def test_seeds(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for value in [-1, 2**63, 1.0, "0", True]:
        with subtests.test(value=value):
            fake.forget()
            text = refused(http, fake, "/api/jobs", job({"seed": value}))
            limit = f"an integer from 0 to {2**63 - 1}"
            assert text == f"model_config.seed is {shown(value)}, but must be {limit}"


def test_batch_sizes(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for value in [0, -1, True, 1.5, "256", 1_000_001, [1]]:
        for field in ["batch_size", "val_batch_size"]:
            with subtests.test(value=value, field=field):
                fake.forget()
                text = refused(http, fake, "/api/jobs", job(dataset={field: value}))
                assert text == f"dataset_config.{field} is {shown(value)}, but must be {BATCH}"


def test_a_data_set_is_given_in_exactly_one_way(http: FlaskClient, fake: FakeJobClient) -> None:
    for dataset, has in [
        ({"name": None}, "neither name nor format"),
        ({"format": "csv"}, "name and format"),
    ]:
        fake.forget()
        text = refused(http, fake, "/api/jobs", job(dataset=dataset))
        assert text == f"dataset_config has {has}, but must have exactly one of name, format"


def test_data_set_fields(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for dataset, text in [
        ({"name": 1}, "name is 1, but must be a string of at most 64 characters"),
        ({"name": ["MNIST"]}, "name is ['MNIST'], but must be a string of at most 64 characters"),
        ({"format": 1, "name": None}, "format is 1, but must be a string of at most 64 characters"),
        ({"shuffle": 1}, "shuffle is 1, but must be true or false"),
        ({"shuffle": "no"}, "shuffle is 'no', but must be true or false"),
    ]:
        with subtests.test(dataset=dataset, text=text):
            fake.forget()
            assert (
                refused(http, fake, "/api/jobs", job(dataset=dataset)) == f"dataset_config.{text}"
            )


def test_a_configuration_is_an_object(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for field, names in [
        ("model_config", "layer_sizes, layers, architecture, config, initial_weights, seed"),
        ("dataset_config", "name, format, batch_size, val_batch_size, shuffle"),
    ]:
        for config in [[], "MNIST", 1, True]:
            with subtests.test(field=field, names=names, config=config):
                fake.forget()
                text = refused(http, fake, "/api/jobs", {**job(), field: config})
                assert text == f"{field} is {shown(config)}, but must be an object with {names}"


def test_train_options(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    no_epochs: list[Any] = [0, -1, 1.5, 1.0, True, "10", None, [], 100_001]
    no_counts: list[Any] = [0, 4097, 1.0, True, "4", "AUTO", []]
    no_wires: list[Any] = ["fp16", "INT8", "auto", "", 8, True, ["bf16"]]
    cases: list[tuple[str, Any, str]] = [
        *[("epochs", value, EPOCHS) for value in no_epochs],
        *[("learning_rate", value, RATE) for value in (0, -1, NAN, INF, -INF, "0.1", True, 1000.5)],
        *[("num_microbatches", value, COUNT) for value in no_counts],
        ("threads", 257, "an integer from 1 to 256"),
        ("schedule", "2f2b", SCHEDULES),
        ("schedule", 1, SCHEDULES),
        *[("wire", value, WIRES) for value in no_wires],
    ]
    for field, value, limit in cases:
        with subtests.test(field=field, value=value, limit=limit):
            fake.forget()
            text = refused(http, fake, "/api/network/train/1", {field: value})
            assert text == f"{field} is {shown(value)}, but must be {limit}"


def test_ports(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for port in [0, -1, 70_000, 65_536, "5001", True, 5001.0, [5001], {}]:
        with subtests.test(port=port):
            fake.forget()
            body = {"ip": "10.0.0.1", "port": port, "job_id": "1"}
            text = refused(http, fake, "/api/devices/register", body)
            assert text == f"port is {shown(port)}, but must be {PORT}"


def test_addresses(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for ip in ["", "my-laptop", "10.0.0", "10.0.0.256", "10.0.0.1/8", "\0", " ::1"]:
        with subtests.test(ip=ip):
            fake.forget()
            body = {"ip": ip, "port": 5001, "job_id": "1"}
            text = refused(http, fake, "/api/devices/register", body)
            assert text.startswith(f"ip is {ip!r}, but must be an IP address such as 192.168.1.100")


def test_job_ids_are_strings(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for job_id in [1, 1.0, True, ["1"]]:
        with subtests.test(job_id=job_id):
            fake.forget()
            body = {"ip": "10.0.0.1", "port": 5001, "job_id": job_id}
            text = refused(http, fake, "/api/devices/register", body)
            assert text == f"job_id is {shown(job_id)}, but must be a string"


def test_inputs_to_predict(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for inputs, text in [
        ([], f"inputs has 0 entries, but must be {ROWS}"),
        (None, f"inputs is null, but must be {ROWS}"),
        ("[[1]]", f"inputs is '[[1]]', but must be {ROWS}"),
        ([1, 2], "inputs[0] is 1, but must be a list"),
        ([[1, 2], {}], "inputs[1] is {}, but must be a list"),
        ([[1, "2"]], "inputs[0][1] is '2', but must be a finite number"),
        ([[1, 2], [True]], "inputs[1][0] is true, but must be a finite number"),
        ([[None]], "inputs[0][0] is null, but must be a finite number"),
        ([[NAN]], "inputs[0][0] is nan, but must be a finite number"),
        ([[0, -INF]], "inputs[0][1] is -inf, but must be a finite number"),
        ([[["1"]]], "inputs[0][0] is '1', but must be a finite number"),
    ]:
        with subtests.test(inputs=inputs, text=text):
            fake.forget()
            assert refused(http, fake, "/api/jobs/1/predict", {"inputs": inputs}) == text


def test_inputs_to_predict_are_needed(http: FlaskClient, fake: FakeJobClient) -> None:
    text = refused(http, fake, "/api/jobs/1/predict", {})
    assert "exactly one of inputs, rows, prompts" in text


def test_steps_to_verify(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for value in [0, -1, 1.5, "20", True, 100_001]:
        with subtests.test(value=value):
            fake.forget()
            text = refused(http, fake, "/api/jobs/1/verify", {"steps": value})
            assert text == f"steps is {shown(value)}, but must be an integer from 1 to 100000"


def test_partitions(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for value in [
        "manual",
        1,
        True,
        [],
        {},
        {"1": 2},
        {"1": [0]},
        {"1": [0, 1.5]},
        {"1": [-1, 2]},
        {"1": {}},
    ]:
        for path in ["/api/network/initialize/1", "/api/network/plan/1"]:
            with subtests.test(value=value, path=path):
                fake.forget()
                text = refused(http, fake, path, {"partition": value})
                assert text == f"partition is {shown(value)}, but must be {PARTITION}"


def test_limits_of_devices(
    http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests
) -> None:
    for field, value, limit in [
        *[
            ("max_memory_bytes", v, f"an integer from 1 to {2**62}")
            for v in (0, -1, 1.5, "1", 2**63)
        ],
        *[("threads", v, "an integer from 1 to 256") for v in (0, 257, True, "2")],
    ]:
        with subtests.test(field=field, value=value, limit=limit):
            fake.forget()
            text = refused(
                http, fake, "/api/network/initialize/1", {"devices": {"2": {field: value}}}
            )
            assert text == f"devices.2.{field} is {shown(value)}, but must be {limit}"


def test_plan_options(http: FlaskClient, fake: FakeJobClient, subtests: pytest.Subtests) -> None:
    for field, value, limit in [
        ("schedule", "2f2b", SCHEDULES),
        ("num_microbatches", 0, COUNT),
        ("threads", 0, "an integer"),
        ("wire", "int4", WIRES),
    ]:
        with subtests.test(field=field, value=value, limit=limit):
            fake.forget()
            text = refused(http, fake, "/api/network/plan/1", {field: value})
            assert text.startswith(f"{field} is {shown(value)}, but must be {limit}")


def test_device_limits_are_an_object_by_device_id(http: FlaskClient, fake: FakeJobClient) -> None:
    text = refused(http, fake, "/api/network/initialize/1", {"devices": [1]})
    assert text == "devices is [1], but must be an object"
