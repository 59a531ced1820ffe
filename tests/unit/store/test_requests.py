from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from orchestrator.errors import Conflict, InvalidRequest, JobNotFound
from orchestrator.store.job_store import JobStore
from orchestrator.store.records import StoredAnswer
from orchestrator.store.requests import clock, request_rows
from orchestrator.store.requests.clock import ClockReading
from orchestrator.store.requests.requests_under_way import BETWEEN_S, RequestsUnderWay
from orchestrator.store.tables import requests
from tests.support.logs import event, tell
from tests.support.stores import OWNER, job_record


@pytest.mark.parametrize("answer", [{"job_id": "1"}, [1, 2.5], "done", 0, None])
def test_a_finished_request_gets_the_same_answer_after_a_restart(
    tmp_path: Path, answer: object
) -> None:
    store = JobStore.open(tmp_path, OWNER)
    assert store.begin_request("k1", "POST /api/jobs a") is None
    store.finish_request("k1", answer)
    assert store.begin_request("k1", "POST /api/jobs a") == StoredAnswer(answer)
    store.close()
    store = JobStore.open(tmp_path, OWNER)
    assert store.begin_request("k1", "POST /api/jobs a") == StoredAnswer(answer)
    store.close()


def test_a_key_of_another_request_is_refused(store: JobStore) -> None:
    store.begin_request("k1", "POST /api/jobs a")
    with pytest.raises(InvalidRequest, match=r"'k1' was used for another.*with a new key"):
        store.begin_request("k1", "POST /api/jobs b")
    store.finish_request("k1", 1)
    with pytest.raises(InvalidRequest, match="'k1' was used for another"):
        store.begin_request("k1", "POST /api/jobs b")


def test_a_request_under_way_is_not_begun_twice(store: JobStore) -> None:
    store.begin_request("k1", "a")
    with pytest.raises(Conflict, match="'k1' is still under way: send it again later"):
        store.begin_request("k1", "a")
    assert store.begin_request("k2", "a") is None


def test_of_many_at_once_one_begins(store: JobStore) -> None:
    def begins(_: int) -> bool:
        try:
            return store.begin_request("k1", "a") is None
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begins, range(8))) == 1


def cut_off(tmp_path: Path, saves: bool) -> JobStore:
    """A store opened after the JobManager ended amid a request, before or after it saved."""
    store = JobStore.open(tmp_path, OWNER)
    store.begin_request("k1", "a")
    with store.doing("k1") as before:
        assert before is None
        if saves:
            store.add_job(job_record("1"), StoredAnswer("1"))
    store.close()
    return JobStore.open(tmp_path, OWNER)


@pytest.mark.parametrize("saves", [False, True])
def test_a_request_cut_off_by_the_end_of_the_jobmanager_is_done_once_in_all(
    tmp_path: Path, saves: bool
) -> None:
    store = cut_off(tmp_path, saves)
    store.drop_request("k1")  # the gateway has told a 503
    assert store.begin_request("k1", "a") is None
    with store.doing("k1") as before:
        assert before == (StoredAnswer("1") if saves else None)
    store.finish_request("k1", {"status": 201})
    assert store.begin_request("k1", "a") == StoredAnswer({"status": 201})
    store.close()


def test_what_came_to_nothing_is_no_effect(store: JobStore) -> None:
    """None is a result like any other, and what is rolled back has none."""
    store.add_job(job_record("1"))
    store.begin_request("k1", "a")
    with pytest.raises(JobNotFound), store.doing("k1"):
        store.save_job(job_record("7"), result=StoredAnswer(None))
    with store.doing("k1") as before:
        assert before is None
        store.save_job(job_record("1"), result=StoredAnswer(None))
    with store.doing("k1") as before:
        assert before == StoredAnswer(None)


def test_a_request_that_is_being_done_is_neither_dropped_nor_done_beside_itself(
    store: JobStore,
) -> None:
    store.begin_request("k1", "a")
    with store.doing("k1"), ThreadPoolExecutor(1) as other:
        store.drop_request("k1")  # its gateway has waited too long
        with pytest.raises(Conflict, match="'k1' is still under way"):
            store.begin_request("k1", "a")
        with pytest.raises(Conflict, match="'k1' is still under way"):
            other.submit(store.doing("k1").__enter__).result()
        store.add_job(job_record("1"), StoredAnswer("1"))
    store.drop_request("k1")
    assert store.begin_request("k1", "a") is None
    with store.doing("k1") as before:
        assert before == StoredAnswer("1")


def test_a_request_that_was_given_up_is_not_done_any_more(store: JobStore) -> None:
    store.begin_request("k1", "a")
    store.drop_request("k1")
    with pytest.raises(Conflict, match="'k1' was given up"), store.doing("k1"):
        raise AssertionError("it would be done without being known")


def test_what_a_request_does_not_do_is_none_of_its_effects(store: JobStore) -> None:
    store.begin_request("k1", "a")
    store.add_job(job_record("1"), StoredAnswer("1"))
    with store.doing("k1") as before:
        tell(store, "1", event("meanwhile"))
        assert before is None
    with store.doing("k1") as before:
        assert before is None


def test_a_request_that_its_gateway_left_may_be_begun_again() -> None:
    now = [0.0]
    under_way = RequestsUnderWay(lambda: now[0])
    under_way.begin("k1")
    now[0] = BETWEEN_S - 1
    with pytest.raises(Conflict):
        under_way.begin("k1")
    now[0] = BETWEEN_S
    under_way.begin("k1")


def test_a_refused_request_may_be_tried_again(store: JobStore) -> None:
    store.begin_request("k1", "a")
    store.drop_request("k1")
    assert store.begin_request("k1", "b") is None


HOUR_S = 3600.0


@dataclass
class Host:
    """Its clocks, in the place of this one's."""

    moment: ClockReading

    def wait(self, hours: float) -> None:
        """They both go on."""
        self.set_clock(hours)
        self.moment = replace(self.moment, uptime_s=self.moment.uptime_s + hours * HOUR_S)

    def set_clock(self, hours: float) -> None:
        """Somebody moves the wall clock."""
        self.moment = replace(self.moment, wall_s=self.moment.wall_s + hours * HOUR_S)

    def boot(self) -> None:
        """It is started anew."""
        self.moment = replace(self.moment, boot=f"{self.moment.boot}+", uptime_s=1.0)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(ClockReading(1.7e9, "boot", 100.0))
    monkeypatch.setattr(clock, "now", lambda: host.moment)
    return host


def answered(store: JobStore, key: str) -> None:
    store.begin_request(key, "a")
    store.finish_request(key, "done")


@pytest.mark.parametrize(("hours", "known"), [(23, True), (25, False)])
@pytest.mark.parametrize("ends", ["nothing", "the JobManager", "the host"])
def test_keys_are_kept_for_a_day(
    tmp_path: Path, host: Host, ends: str, hours: int, known: bool
) -> None:
    store = JobStore.open(tmp_path, OWNER)
    answered(store, "k1")
    host.wait(hours)
    if ends == "the host":
        host.boot()
    if ends != "nothing":
        store.close()
        store = JobStore.open(tmp_path, OWNER)
    assert (store.begin_request("k1", "a") is not None) is known
    store.close()


@pytest.mark.parametrize("hours", [-1000, 25, 1000])
def test_a_clock_that_is_set_forgets_no_key_and_keeps_none_for_longer(
    tmp_path: Path, host: Host, hours: int
) -> None:
    store = JobStore.open(tmp_path, OWNER)
    answered(store, "k1")
    host.set_clock(hours)
    assert store.begin_request("k1", "a") == StoredAnswer("done")
    store.close()
    store = JobStore.open(tmp_path, OWNER)
    assert store.begin_request("k1", "a") == StoredAnswer("done")
    host.wait(25)
    assert store.begin_request("k1", "a") is None
    store.close()


def test_those_of_a_day_ago_go_while_the_jobmanager_runs(store: JobStore, host: Host) -> None:
    for number in range(5):
        answered(store, f"k{number}")
    host.wait(25)
    answered(store, "new")
    assert keys(store) == ["new"]


def test_no_more_than_a_number_of_keys_is_kept(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_rows, "MAX_KEPT", 3)
    for number in range(9):
        answered(store, f"k{number}")
    assert keys(store)[-3:] == ["k6", "k7", "k8"] and len(keys(store)) <= 4


def keys(store: JobStore) -> list[str]:
    with store._database.read() as connection:
        return list(connection.execute(select(requests.c.key)).scalars())
