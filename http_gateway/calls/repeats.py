"""Decides which calls of the JobManager may be repeated, and what an unanswered call's error says.
Pure."""

from __future__ import annotations

from http_gateway.operations.operation import ManagerCall

# Ray's message for a call that it has not even sent. If the old process may have begun it, Ray says
# "was restarted" or reports the broken connection.
NOT_SENT = "The actor is restarting"

RESTARTING = (
    "The JobManager's process has ended and is being started again, which takes longer than "
    "{timeout_s:.0f} s; its jobs go on then"
)
RESTARTED = "The JobManager's process ended during the call, and is being started again"
ENDED = (
    "The JobManager has been ended; the next request starts a new one, which takes up the jobs "
    "that are in the store"
)
SILENT = "The JobManager did not answer within {timeout_s:.0f} s; it may be overloaded"


def unanswered(reason: str, call: ManagerCall, has_key: bool) -> str:
    """The error for a call that may have been done; it says "send it again" only if that does no
    harm."""
    if call.may_repeat:
        return f"{reason}. Try again"
    if has_key:
        return (
            f"{reason}. Whether it was done is not known; send it again with the same "
            "Idempotency-Key: it is done once"
        )
    return (
        f"{reason}. Whether it was done is not known ({call.name}): look at {call.shows_at} before "
        "you send it again; with an Idempotency-Key it could be sent again at once, and would be "
        "done once"
    )


def may_repeat(call: ManagerCall, ray_text: str, has_key: bool = False) -> bool:
    """Whether a call that Ray reports as unavailable can be made again without being done twice.

    For one with an Idempotency-Key the JobManager itself sees to that.
    """
    return has_key or call.may_repeat or NOT_SENT in ray_text
