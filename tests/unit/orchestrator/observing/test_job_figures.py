from __future__ import annotations

from orchestrator.jobs.job import Job
from orchestrator.jobs.job_lifecycle import Status
from orchestrator.observing.job_figures import LATEST, all_figures
from tests.support.job_records import make_job
from tests.support.sessions import make_session

STATS = {"1": {"waiting_s": 2.0}}


def job(number: int, status: Status = Status.COMPLETED) -> Job:
    made = make_job(str(number))
    made.status = status
    return made


def test_a_job_is_told_by_its_last_session() -> None:
    trained = job(1, Status.TRAINING)
    progress = {"epoch": 2, "step": 3, "loss": 0.5, "samples_per_s": 9.0, "steps": 10}
    trained.sessions = [
        make_session(num_failures=5),
        make_session(index=2, num_failures=1, lost_steps=4, progress=progress, device_stats=STATS),
    ]
    told = all_figures([trained], [])
    assert told["jobs_by_status"]["training"] == 1 and told["jobs_by_status"]["broken"] == 0
    assert told["jobs"] == [
        {
            "job_id": "1",
            "status": "training",
            "epoch": 2,
            "step": 3,
            "loss": 0.5,
            "samples_per_s": 9.0,
            "failures": 1,
            "lost_steps": 4,
            "devices": STATS,
        }
    ]


def test_a_job_that_was_never_trained_has_no_figures() -> None:
    assert all_figures([job(1, Status.CREATED)], [])["jobs"] == [
        {"job_id": "1", "status": "created", "devices": {}}
    ]


def test_of_many_jobs_those_that_train_are_told_and_the_latest_others() -> None:
    jobs = [job(number) for number in range(1, 2 * LATEST + 1)]
    jobs[3].status = Status.TRAINING
    jobs[-1].status = Status.RECOVERING
    told = all_figures(jobs, [])
    assert told["jobs_by_status"]["completed"] == 2 * LATEST - 2
    numbers = [int(one["job_id"]) for one in told["jobs"]]
    assert numbers == [4, *range(LATEST, 2 * LATEST + 1)]
