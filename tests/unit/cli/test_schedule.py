"""``tandem schedule show``, which needs no gateway."""

from __future__ import annotations

from pathlib import Path

from tests.support.command_line import tandem


def test_a_schedule_is_drawn_as_text() -> None:
    result = tandem("schedule", "show", "1f1b", "--stages", 2, "--microbatches", 3)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "stage 0  F0 F1 .  .  B0--- F2 B1--- .  B2---\n" in result.stdout


def test_four_stages_and_eight_microbatches_are_drawn_unless_told_otherwise() -> None:
    said = tandem("schedule", "show", "zb-h1").stdout
    assert said.startswith("zb-h1: 4 stages, 8 microbatches\n")


def test_a_schedule_is_drawn_in_a_file(tmp_path: Path) -> None:
    picture = tmp_path / "schedule.svg"
    result = tandem("schedule", "show", "gpipe", "--svg", picture)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"Drawn in {picture}"
    assert picture.read_text().startswith("<svg ")


def test_a_file_that_cant_be_written_is_told(tmp_path: Path) -> None:
    picture = tmp_path / "nowhere" / "schedule.svg"
    result = tandem("schedule", "show", "gpipe", "--svg", picture)
    assert result.exit_code == 1
    assert result.stderr == f"tandem: can't write {picture}: No such file or directory\n"


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    result = tandem("schedule", "show", "zigzag")
    assert result.exit_code == 2
    assert all(name in result.stderr for name in ("gpipe", "1f1b", "zb-h1"))


def test_no_stages_are_refused() -> None:
    result = tandem("schedule", "show", "1f1b", "--stages", 0)
    assert result.exit_code == 2
    assert "--stages" in result.stderr
