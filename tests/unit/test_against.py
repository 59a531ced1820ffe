"""Two checkouts' figures, compared."""

from benchmarks.against import compared, first_table, split_arguments

PRINTED = """round 1: plain: 1,234 samples/s
Milliseconds a step.

| | [784, 10] B256 | last |
|---|---:|---:|
| plain, 1 thread | 1,012.50 (990.00–1,020.00) | - |
| torch 1f1b | 6.40 (6.22–6.58) | 3 |

| another | 1 |
|---|---|
| row | 2 |
"""


def test_the_first_number_of_each_cell_is_read() -> None:
    assert first_table(PRINTED) == {
        ("plain, 1 thread", "[784, 10] B256"): 1012.5,
        ("torch 1f1b", "[784, 10] B256"): 6.4,
        ("torch 1f1b", "last"): 3.0,
    }


def test_a_table_of_one_row_needs_no_name_for_it() -> None:
    printed = "| p50 | cost |\n|---:|---:|\n| 5.2 ms | 18.1% |"
    assert first_table(printed) == {("", "p50"): 5.2, ("", "cost"): 18.1}


def test_a_text_without_a_table_has_no_figures() -> None:
    assert first_table("the gateway ended") == {}


def test_what_both_have_is_compared_turn_by_turn() -> None:
    before = [{("a", "s"): 2.0, ("old", "s"): 1.0}, {("a", "s"): 4.0}, {("a", "s"): 10.0}]
    after = [{("a", "s"): 1.0}, {("a", "s"): 1.0, ("new", "s"): 1.0}, {("a", "s"): 10.0}]

    _, _, row, *alone = compared(before, after)

    assert row == "| a | s | 4.00 | 1.00 | 0.50 |"
    assert [line for line in alone if line] == ["Only before: old: s.", "Only after: new: s."]


def test_what_is_behind_two_dashes_is_the_benchmarks_own_wherever_options_stand() -> None:
    given = ["before", "after", "seed_job", "--turns", "3", "--", "--rounds", "1"]
    own, passed_on = split_arguments(given)
    assert own == ["before", "after", "seed_job", "--turns", "3"]
    assert passed_on == ["--rounds", "1"]
    assert split_arguments(["before"]) == (["before"], [])
