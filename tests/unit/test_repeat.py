"""What ``make test-repeat`` says of a run."""

from __future__ import annotations

from pathlib import Path

from tests.repeat import Run

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="one"/>
<testcase classname="tests.a" name="two[x]"><failure message="no"/></testcase>
<testcase classname="tests.b" name="three"><skipped/></testcase>
<testcase classname="tests.b" name="four"><error message="at teardown"/></testcase>
</testsuite></testsuites>"""


def test_a_run_counts_what_passed_and_names_what_did_not(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    run = Run.read(tmp_path, 1, 61.4)
    assert (run.num_passed, run.num_skipped) == (1, 1)
    assert run.failed == ("tests.a::two[x]", "tests.b::four")
    assert not run.passed
    row, *names = run.row(3).splitlines()
    assert row.split() == ["3", "FAILED", "1", "2", "1", "61"]
    assert [name.strip() for name in names] == list(run.failed)


def test_a_run_without_a_report_passed_nothing(tmp_path: Path) -> None:
    run = Run.read(tmp_path, 2, 1.0)
    assert (run.num_passed, run.passed) == (0, False)
    assert run.row(1).split() == ["1", "FAILED", "0", "0", "0", "1"]


def test_a_run_that_ended_with_an_error_has_not_passed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites><testcase classname='tests.a' name='one'/></testsuites>")
    assert Run.read(tmp_path, 0, 1.0).passed
    assert not Run.read(tmp_path, 3, 1.0).passed
