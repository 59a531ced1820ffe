"""A client of the REST API; speaks HTTP and knows nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from actors.core.addresses import is_loopback
from http_gateway.auth import TOKEN_VARIABLE, check_token
from http_gateway.watched_job import WatchedJob

CONNECT_TIMEOUT_S = 10.0
KEY_HEADER = "Idempotency-Key"
READY_TIMEOUT_S = 6.0  # the gateway asks the JobManager for up to 5
PREDICT_TIMEOUT_S = 400.0  # it may have to wait for others, and for a large model to be read
DOCTOR_TIMEOUT_S = 45.0  # the checkup takes up to 30
PLAN_TIMEOUT_S = 180.0  # LayerActors may have to start, and to measure
INITIALIZE_TIMEOUT_S = 1000.0  # the gateway may have a data set to download first
DRAIN_TIMEOUT_S = 630.0  # a device that trains hands its layers over, and the gateway waits so long


class ApiError(RuntimeError):
    """The API answered with an error: its ``message``, which is a sentence for people, and its
    ``status`` for programs."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)  # so that it can be pickled
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class _Bearer(requests.auth.AuthBase):
    """Sends the token; as requests' ``auth``, for that drops it where a redirect leads to another
    host, and does not let a ~/.netrc come before it."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class TandemClient:
    """One method a route; each raises ``ApiError``, or requests' own errors for the connection.

    Its connections stay open until ``close``, or until the end of ``with TandemClient(…)``.
    ``token`` is the gateway's, if it asks for one; no variable of the environment is read for it.
    A request repeated with the ``idempotency_key`` of the first, such as a UUID, is done once.
    The default ``timeout_s`` is longer than the gateway lets a request wait: its answer says what
    is known.
    """

    def __init__(self, base_url: str, timeout_s: float = 45.0, token: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        # No proxy leads to this very host, and ~/.netrc's password for it is not the gateway's.
        self._session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
        if token is not None:
            self._session.auth = _Bearer(check_token(token, "TandemClient"))

    def __enter__(self) -> TandemClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def create_job(
        self,
        model_config: dict[str, Any],
        dataset_config: dict[str, Any],
        failure_policy: dict[str, Any] | None = None,
        checkpoints: dict[str, Any] | None = None,
        train_config: dict[str, Any] | None = None,
        task: str | dict[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> str:
        """The new job's id."""
        body = {"model_config": model_config, "dataset_config": dataset_config}
        further: dict[str, Any] = {
            "failure_policy": failure_policy,
            "checkpoints": checkpoints,
            "train_config": train_config,
            "task": task,
        }
        body.update({name: value for name, value in further.items() if value is not None})
        job_id: str = self._post("/api/jobs", idempotency_key, json=body)["job_id"]
        return job_id

    def list_jobs(self) -> list[dict[str, Any]]:
        """The jobs, oldest first."""
        jobs: list[dict[str, Any]] = self._json("GET", "/api/jobs")["jobs"]
        return jobs

    def get_job(self, job_id: str, **query: int) -> dict[str, Any]:
        """A job's details, with the latest of its epochs; ``after_epoch`` and ``history_limit`` ask
        for others."""
        return dict(self._json("GET", f"/api/jobs/{_quoted(job_id)}", params=query))

    def delete_job(self, job_id: str, force: bool = False) -> None:
        """Deletes a job; one that is training only by ``force``."""
        query = {"force": "true"} if force else {}
        self._json("DELETE", f"/api/jobs/{_quoted(job_id)}", params=query)

    def stop_job(self, job_id: str) -> dict[str, Any]:
        """Stops a training job at its next step."""
        return dict(self._json("POST", f"/api/jobs/{_quoted(job_id)}/stop"))

    def resume_job(self, job_id: str) -> dict[str, Any]:
        """Goes on with the session that was stopped or failed."""
        path = f"/api/jobs/{_quoted(job_id)}/resume"
        return dict(self._json("POST", path, timeout_s=max(self._timeout_s, INITIALIZE_TIMEOUT_S)))

    def verify(self, job_id: str, steps: int | None = None) -> dict[str, Any]:
        """Whether the job's first steps, trained again without a pipeline, have the same bits."""
        body = {} if steps is None else {"steps": steps}
        path = f"/api/jobs/{_quoted(job_id)}/verify"
        timeout_s = max(self._timeout_s, INITIALIZE_TIMEOUT_S)
        return dict(self._json("POST", path, json=body, timeout_s=timeout_s))

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """The job's checkpoints, newest first."""
        return list(self._json("GET", f"/api/jobs/{_quoted(job_id)}/checkpoints")["checkpoints"])

    def list_events(self, job_id: str, **query: int) -> list[dict[str, Any]]:
        """The latest of what happened to the job, oldest first; ``after_index`` and ``limit`` ask
        for others."""
        path = f"/api/jobs/{_quoted(job_id)}/events"
        return list(self._json("GET", path, params=query)["events"])

    def list_steps(self, job_id: str, **query: int) -> list[dict[str, Any]]:
        """Steps and their losses, in order; ``after_epoch``, ``after_step`` and ``limit`` say
        which."""
        path = f"/api/jobs/{_quoted(job_id)}/steps"
        return list(self._json("GET", path, params=query)["steps"])

    def list_devices(self) -> list[dict[str, Any]]:
        """The devices that can be registered or are, by ip and port."""
        devices: list[dict[str, Any]] = self._json("GET", "/api/devices")["devices"]
        return devices

    def register_device(
        self,
        ip: str,
        port: int,
        job_id: str,
        *,
        replaces: int | None = None,
        idempotency_key: str | None = None,
    ) -> int:
        """The device's id within the job; ``replaces`` is that of the job's device which is this
        one, and was at another address."""
        body = {"ip": ip, "port": port, "job_id": job_id}
        body.update({} if replaces is None else {"replaces": replaces})
        answer = self._post("/api/devices/register", idempotency_key, json=body)
        device_id: int = answer["device_id"]
        return device_id

    def unregister_device(self, port: int, **query: str) -> None:
        """Takes a device out of its jobs; ``ip`` and ``job_id`` narrow it down.

        Of one that trains, the layers move to the others first, which may take minutes.
        """
        timeout_s = max(self._timeout_s, DRAIN_TIMEOUT_S)
        self._json("DELETE", f"/api/devices/{port}", params=query, timeout_s=timeout_s)

    def initialize(self, job_id: str, **options: Any) -> None:
        """Allocates layers and draws the weights; ``partition`` and ``devices`` say how."""
        path = f"/api/network/initialize/{_quoted(job_id)}"
        timeout_s = max(self._timeout_s, INITIALIZE_TIMEOUT_S)
        self._json("POST", path, json=options, timeout_s=timeout_s)

    def plan(self, job_id: str, **options: Any) -> dict[str, Any]:
        """The plan that initialize and train would make of these options."""
        path = f"/api/network/plan/{_quoted(job_id)}"
        timeout_s = max(self._timeout_s, PLAN_TIMEOUT_S)
        return dict(self._json("POST", path, json=options, timeout_s=timeout_s))

    def get_plan(self, job_id: str) -> dict[str, Any]:
        """The plan in force, beside what its steps took."""
        return dict(self._json("GET", f"/api/jobs/{_quoted(job_id)}/plan"))

    def train(
        self, job_id: str, *, idempotency_key: str | None = None, **options: Any
    ) -> dict[str, Any]:
        """Starts a session."""
        path = f"/api/network/train/{_quoted(job_id)}"
        return dict(self._post(path, idempotency_key, json=options))

    def predict(self, job_id: str, inputs: list[list[float]]) -> dict[str, Any]:
        """What the job's task answers, such as classes and probabilities."""
        path = f"/api/jobs/{_quoted(job_id)}/predict"
        timeout_s = max(self._timeout_s, PREDICT_TIMEOUT_S)
        return dict(self._json("POST", path, json={"inputs": inputs}, timeout_s=timeout_s))

    def get_model(self, job_id: str) -> bytes:
        """The weights as a safetensors file."""
        timeout_s = max(self._timeout_s, PREDICT_TIMEOUT_S)
        return self._request("GET", f"/api/jobs/{_quoted(job_id)}/model", timeout_s).content

    def list_layers(self) -> list[dict[str, Any]]:
        """The kinds of layers, with the fields of each."""
        return list(self._json("GET", "/api/layers")["layers"])

    def list_architectures(self) -> list[dict[str, Any]]:
        """The architectures, with the fields of each."""
        return list(self._json("GET", "/api/architectures")["architectures"])

    def list_sources(self) -> list[dict[str, Any]]:
        """The sources of data, with the fields of each."""
        return list(self._json("GET", "/api/sources")["sources"])

    def previous_teraflops(self, **query: int) -> list[dict[str, dict[str, float]]]:
        """One entry a session, oldest first; of the latest ``limit``, if that is given."""
        return list(self._json("GET", "/api/previous_teraflops", params=query))

    def doctor(self) -> dict[str, Any]:
        """Whether the cluster is fit to train, and what mends it."""
        timeout_s = max(self._timeout_s, DOCTOR_TIMEOUT_S)
        return dict(self._json("GET", "/api/doctor", timeout_s=timeout_s))

    def ready(self) -> dict[str, Any]:
        """What the readiness check says; raises ``ApiError`` 503 with the reason."""
        return dict(self._json("GET", "/ready"))

    def wait_for(
        self,
        job_id: str,
        statuses: Collection[str],
        timeout_s: float,
        poll_s: float = 0.2,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
        patience_s: float = 0.0,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> dict[str, Any]:
        """The job's details once its status is one of ``statuses``; raises ``TimeoutError``. They
        have the whole history, of which each look asks for what is new.

        A gateway that does not answer is asked again for ``patience_s`` before that is an error;
        ``on_silence`` is told once for each time that this begins.
        """
        deadline = time.monotonic() + timeout_s
        watched = WatchedJob(lambda **query: self.get_job(job_id, **query))
        while True:
            job = _patiently(watched.look, lambda _: patience_s, poll_s, on_silence)
            if on_progress is not None:
                on_progress(job)
            if job["status"] in statuses:
                return job
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {job_id} is still {job['status']} after {timeout_s:.0f} s")
            time.sleep(poll_s)

    def wait_until_ready(
        self,
        patience_s: Callable[[Exception], float],
        poll_s: float = 0.2,
        on_silence: Callable[[Exception], None] | None = None,
    ) -> None:
        """Until ``ready`` answers; else its error, after the patience that this one deserves."""

        def ask() -> dict[str, Any]:
            return dict(self._json("GET", "/ready", timeout_s=READY_TIMEOUT_S))

        _patiently(ask, patience_s, poll_s, on_silence)

    def _post(self, path: str, idempotency_key: str | None, **arguments: Any) -> Any:
        headers = {} if idempotency_key is None else {KEY_HEADER: idempotency_key}
        return self._json("POST", path, headers=headers, **arguments)

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        return self._request(method, path, **arguments).json()

    def _request(
        self, method: str, path: str, timeout_s: float | None = None, **arguments: Any
    ) -> requests.Response:
        read_s = self._timeout_s if timeout_s is None else timeout_s
        timeout = (min(read_s, CONNECT_TIMEOUT_S), read_s)
        url = self._base_url + path
        response = self._session.request(method, url, timeout=timeout, **arguments)
        if response.status_code >= 400:
            raise ApiError(response.status_code, _error_text(response, url) + _remedy(response))
        return response


def _patiently(
    ask: Callable[[], dict[str, Any]],
    patience_s: Callable[[Exception], float],
    poll_s: float,
    on_silence: Callable[[Exception], None] | None,
) -> dict[str, Any]:
    began = time.monotonic()
    told = False
    while True:
        try:
            return ask()
        except (requests.RequestException, ApiError) as error:
            if not _may_pass(error) or time.monotonic() - began >= patience_s(error):
                raise
            if on_silence is not None and not told:
                on_silence(error)
            told = True
        time.sleep(poll_s)


def _may_pass(error: Exception) -> bool:
    """Whether a gateway that starts, or comes back, may answer the next time: not where a proxy
    or something else answers in its place."""
    if isinstance(error, ApiError):
        return error.status == 503
    lasting = (
        requests.exceptions.InvalidJSONError,
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidURL,
        requests.exceptions.ProxyError,
        requests.exceptions.SSLError,
    )
    return not isinstance(error, lasting)


def _quoted(job_id: str) -> str:
    return quote(job_id, safe="")


def _remedy(response: requests.Response) -> str:
    """What the gateway does not say, for it does not know what calls it."""
    if response.status_code != 401:
        return ""
    return f". TandemClient takes the token as token=…, the commands of tandem by {TOKEN_VARIABLE}"


def _error_text(response: requests.Response, url: str) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return (
            f"What answers at {url} is not Tandem's gateway but another server, or a proxy before "
            f"it: it says {response.status_code} {response.reason or ''}".rstrip()
        )
