"""A change to a job that others see only after it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from orchestrator.jobs.job import Job


class JobDraft:
    """``job`` is a copy that may be changed. ``publish`` copies its changed fields to the original.
    A session that trains may have changed other fields of the original meanwhile; they stay. A
    field that both have changed keeps the session's value, which is newer."""

    def __init__(self, original: Job) -> None:
        self._original = original
        self.job = _copied(original)
        self.job.sessions = [_copied(session) for session in original.sessions]
        self._before = _values(self.job)
        pairs = zip(self.job.sessions, original.sessions, strict=True)
        self._sessions = [(made, own, _values(made)) for made, own in pairs]

    def publish(self) -> None:
        """The caller must hold the lock that guards the job."""
        for made, own, before in self._sessions:
            _bring_over(made, before, own)
        known = {id(made): own for made, own, _ in self._sessions}
        self.job.sessions = [known.get(id(session), session) for session in self.job.sessions]
        before = {**self._before, "sessions": [own for _, own, _ in self._sessions]}
        _bring_over(self.job, before, self._original)


def _copied(what: Any) -> Any:
    made = copy(what)
    vars(made).update(_values(what))
    return made


def _values(what: Any) -> dict[str, Any]:
    return {n: list(v) if isinstance(v, list) else v for n, v in vars(what).items()}


def _bring_over(made: Any, before: Mapping[str, Any], target: Any) -> None:
    for name, value in vars(made).items():
        is_ours = not _is_changed(getattr(target, name), before[name])
        if is_ours and _is_changed(value, before[name]):
            setattr(target, name, value)


def _is_changed(value: Any, before: Any) -> bool:
    """Compares entries of lists by identity, because they may hold tensors."""
    if isinstance(value, list) and isinstance(before, list):
        return [id(entry) for entry in value] != [id(entry) for entry in before]
    return value is not before
