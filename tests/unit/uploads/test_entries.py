"""Names, sizes and numbers of an archive's entries."""

from __future__ import annotations

import re

import pytest

from orchestrator.errors import InvalidRequest
from orchestrator.uploads.entries import RATIO_FREE_BYTES, EntryTally, UnpackLimits, parts_of

LIMITS = UnpackLimits(max_bytes=10**9, max_files=3, max_depth=2, max_ratio=10)


def tally(packed_bytes: int = 10**9) -> EntryTally:
    return EntryTally(LIMITS, packed_bytes)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("cat/1.png", ("cat", "1.png")),
        ("./cat//1.png", ("cat", "1.png")),
        ("./", ()),
        ("Ärger/猫 1…png", ("Ärger", "猫 1…png")),
        ("a:b", ("a:b",)),
        ("..a/b..", ("..a", "b..")),
    ],
)
def test_a_name_is_the_way_from_the_folder_on(name: str, parts: tuple[str, ...]) -> None:
    assert parts_of(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "C:/x.png",
        "..",
        "../x",
        "cat/../../x",
        "cat\\1.png",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "caf\udce9.png",
        "n" * 256,
        "猫" * 86,
        "/".join(["folder"] * 150),
    ],
    ids=ascii,
)
def test_a_name_that_leads_elsewhere_or_is_no_text_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^The archive's entry ") as refused:
        parts_of(name)
    assert repr(name)[1:20] in refused.value.message


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["cat/1", "cat/1"], "cat/1"),
        (["cat/1", "Cat/1"], "Cat/1"),
        (["cat/1", "CAT/2"], "CAT/2"),
        (["cat/é", "cat/e\u0301"], "cat/e\u0301"),
        (["cat", "cat/1"], "cat/1"),
        (["cat/1", "cat"], "cat"),
        (["./a", "a"], "a"),
        (["", "a"], ""),
    ],
)
def test_two_names_that_some_system_can_not_have_both_are_refused(
    names: list[str], refused: str
) -> None:
    entries = tally()
    with pytest.raises(InvalidRequest, match=re.escape(repr(refused))):
        for name in names:
            entries.add_file(name, 1)


def test_a_folder_may_come_before_its_files_or_after_them() -> None:
    entries = tally()
    entries.add_folder("cat/")
    entries.add_file("cat/1", 1)
    entries.add_folder("./cat")
    with pytest.raises(InvalidRequest, match="'Cat/'"):
        entries.add_folder("Cat/")


def test_what_macos_adds_is_ignored() -> None:
    entries = tally()
    assert entries.add_file("__MACOSX/._1.png", 9) == entries.add_folder("__MACOSX/") == ()
    assert (entries.num_files, entries.num_bytes) == (0, 0)


def test_the_limits_are_of_files_bytes_depth_and_ratio() -> None:
    with pytest.raises(InvalidRequest, match="3, the limit"):
        entries = tally()
        for i in range(4):
            entries.add_file(f"{i}", 1)
    with pytest.raises(InvalidRequest, match=r"1\.0 GB together"):
        tally().add_file("large", LIMITS.max_bytes + 1)
    with pytest.raises(InvalidRequest, match="more than 2 folders deep"):
        tally().add_file("a/b/c/d", 1)
    tally(1).add_file("small", RATIO_FREE_BYTES)
    with pytest.raises(InvalidRequest, match="10 times as large"):
        tally(RATIO_FREE_BYTES // 11).add_file("bomb", RATIO_FREE_BYTES + 1)


def test_folders_count_too() -> None:
    entries = tally()
    with pytest.raises(InvalidRequest, match="one folder more than 3"):
        for i in range(4):
            entries.add_folder(f"{i}/")


def test_an_archive_without_files_is_refused() -> None:
    entries = tally()
    entries.add_folder("cat/")
    with pytest.raises(InvalidRequest, match="no files"):
        entries.check_not_empty()


def test_what_is_ignored_is_limited_too() -> None:
    with pytest.raises(InvalidRequest, match="together"):
        tally().add_file("__MACOSX/bomb", LIMITS.max_bytes + 1)
    entries = tally()
    with pytest.raises(InvalidRequest, match="3, the limit"):
        for i in range(4):
            entries.add_file(f"__MACOSX/{i}", 1)
