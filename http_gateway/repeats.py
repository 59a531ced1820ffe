"""What may be asked of the JobManager again, and what is said of a call without an answer. Pure."""

from __future__ import annotations

# What changes nothing, or nothing more when it is done twice.
REPEATABLE = frozenset(
    {
        "describe",
        "describe_model",
        "doctor",
        "drop_request",
        "finish_request",
        "get_job",
        "get_model",
        "get_plan",
        "list_architectures",
        "list_checkpoints",
        "list_devices",
        "list_events",
        "list_jobs",
        "list_layers",
        "list_sources",
        "list_steps",
        "list_strangers",
        "plan",
        "previous_teraflops",
        "stop_job",
        "verify",
    }
)
# Ray's words for a call that it has not even sent: it says "was restarted", or tells of the broken
# connection, where the old process may have begun.
NOT_SENT = "The actor is restarting"

RESTARTING = (
    "The JobManager's process has ended and is being started again, which takes longer than "
    "{timeout_s:.0f} s; its jobs go on then"
)
RESTARTED = "The JobManager's process ended meanwhile, and is being started again"
ENDED = (
    "The JobManager has been ended; the next request starts a new one, which takes up the jobs "
    "that are in the store"
)
SILENT = "The JobManager did not answer within {timeout_s:.0f} s; it may be overloaded"
WHERE_IT_SHOWS = {"create_job": "GET /api/jobs", "delete_job": "GET /api/jobs"}
WHERE_IT_SHOWS |= dict.fromkeys(("register_device", "unregister_device"), "GET /api/devices")


def unanswered(reason: str, method: str, has_key: bool) -> str:
    """What is said of a call that may have been done; "try again" only where that does no harm."""
    if method in REPEATABLE:
        return f"{reason}. Try again"
    if has_key:
        return (
            f"{reason}. Whether it was done is not known; send it again with the same "
            "Idempotency-Key: it is done once"
        )
    look = WHERE_IT_SHOWS.get(method, "GET /api/jobs/<job_id>")
    return (
        f"{reason}. Whether it was done is not known ({method}): look at {look} before you send it "
        "again; with an Idempotency-Key it could be sent again at once, and would be done once"
    )


def may_repeat(method: str, ray_text: str, has_key: bool = False) -> bool:
    """Whether a call that Ray reports as unavailable can be made again without being done twice.

    For one with an Idempotency-Key the JobManager itself sees to that.
    """
    return has_key or method in REPEATABLE or NOT_SENT in ray_text
