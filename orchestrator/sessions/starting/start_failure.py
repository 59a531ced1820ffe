"""Says why a LayerActor did not start on its device, and how to fix it."""

from __future__ import annotations

from importlib import metadata

from orchestrator.connection.out_of_memory import REMEDY
from orchestrator.sessions.recovery.group_failure import cause_text, out_of_memory


def too_slow(timeout_s: float) -> str:
    """Why the device took too long, in words that follow its name."""
    return (
        f"did not start its LayerActor within {timeout_s:.0f} s: is it overloaded, are its "
        "resources taken, or is a firewall in between? `tandem doctor` finds out"
    )


def why_not_started(error: BaseException) -> str:
    """Why the device could not start it, in words that follow its name."""
    if (shortage := out_of_memory(error)) is not None:
        return f"{shortage}. Remedy: {REMEDY}"
    cause = cause_text(error)
    if "No module named 'torch'" in cause:
        own = metadata.version("torch").partition("+")[0]
        return f"has no torch: run there `pip install torch=={own}`, and start Ray again"
    return f"could not start its LayerActor: {cause}"
