from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StorageUnavailable
from orchestrator.followers.follower import LOOK_S, MAX_WAIT_S, Follower, ToolTrouble
from orchestrator.followers.positions import PositionFile


class Scripted:
    """Meets what it is given, one a round."""

    name = "MLflow"

    def __init__(self, *troubles: Exception | None) -> None:
        self._troubles = list(troubles)

    def tell_news(self) -> None:
        if (trouble := self._troubles.pop(0)) is not None:
            raise trouble


def test_trouble_is_told_once_until_it_is_over_and_waits_grow() -> None:
    away = ToolTrouble("3", "http://there can't be reached")
    told: list[tuple[str, str]] = []
    follower = Follower(
        Scripted(away, away, away, None, away), lambda job_id, text: told.append((job_id, text))
    )
    waits = []
    for _ in range(5):
        follower.round()
        waits.append(follower.wait_s)
    assert told == [("3", "MLflow: http://there can't be reached")] * 2
    assert waits == [2 * LOOK_S, 4 * LOOK_S, 8 * LOOK_S, LOOK_S, 2 * LOOK_S]


def test_waits_have_an_end_and_what_nobody_expected_ends_nothing() -> None:
    troubles = [ToolTrouble("3", "away")] * 20
    follower = Follower(Scripted(*troubles, RuntimeError("?"), None), lambda *_: None)
    for _ in range(22):
        follower.round()
    assert follower.wait_s == LOOK_S
    follower = Follower(Scripted(*troubles), lambda *_: None)
    for _ in troubles:
        follower.round()
    assert follower.wait_s == MAX_WAIT_S


def test_a_position_is_kept_whole_and_one_that_is_damaged_is_none(tmp_path: Path) -> None:
    file = PositionFile(tmp_path / "deep" / "webhook.json")
    assert file.load() is None
    file.save({"after": 7})
    assert PositionFile(tmp_path / "deep" / "webhook.json").load() == {"after": 7}
    for damaged in ("", "[1]", "{"):
        (tmp_path / "deep" / "webhook.json").write_text(damaged)
        assert PositionFile(tmp_path / "deep" / "webhook.json").load() is None


def test_a_disk_that_refuses_a_position_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "followers").write_text("no folder")
    file = PositionFile(tmp_path / "followers" / "webhook.json")
    with pytest.raises(StorageUnavailable, match="has room"):
        file.save({"after": 7})
    assert file.load() == {"after": 7}
