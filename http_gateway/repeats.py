"""What may be asked of the JobManager again when its process ended meanwhile. Pure."""

from __future__ import annotations

# What changes nothing, or nothing more when it is done twice.
REPEATABLE = frozenset(
    {
        "describe",
        "doctor",
        "drop_request",
        "finish_request",
        "get_job",
        "get_model",
        "get_plan",
        "list_checkpoints",
        "list_devices",
        "list_events",
        "list_jobs",
        "list_steps",
        "plan",
        "predict",
        "previous_teraflops",
        "stop_job",
        "verify",
    }
)
# Ray's words for a call that it has not even sent: it says "was restarted", or tells of the broken
# connection, where the old process may have begun.
NOT_SENT = "The actor is restarting"

RESTARTING_TEXT = (
    "The JobManager's process has ended and is being started again, which takes longer than "
    "{timeout_s:.0f} s; its jobs go on then. Try again"
)
UNKNOWN_TEXT = (
    "The JobManager's process ended while it was asked to {method}, and is being started again: "
    "whether it was done is not known. Look at GET /api/jobs before you send it again; with an "
    "Idempotency-Key it could be sent again at once"
)


def may_repeat(method: str, ray_text: str, has_key: bool = False) -> bool:
    """Whether a call that Ray reports as unavailable can be made again without being done twice.

    For one with an Idempotency-Key the JobManager itself sees to that.
    """
    return has_key or method in REPEATABLE or NOT_SENT in ray_text
