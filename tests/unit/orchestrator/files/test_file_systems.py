from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.doctor.folders import check_folder
from orchestrator.doctor.host_findings import folder
from orchestrator.files import file_systems
from orchestrator.files.file_systems import mount_of
from orchestrator.store.job_store import JobStore
from orchestrator.store.storage_errors import trouble_of, unavailable
from tests.support.stores import OWNER

MOUNTS = r"""
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
nas:/export /mnt/nas nfs4 rw,vers=4.2 0 0
//nas/share /mnt/my\040share cifs rw 0 0
me@host:/ /home/me/far fuse.sshfs rw 0 0
/dev/sdb1 /mnt/nas/local xfs rw 0 0
portal /run/user/1000/doc fuse.portal rw 0 0
C:\134 /mnt/c 9p rw 0 0
hidden /mnt/twice nfs rw 0 0
/dev/sdc1 /mnt/twice ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "is_network"),
    [
        ("/home/me/.tandem", "ext4", False),
        ("/mnt/nas", "nfs4", True),
        ("/mnt/nas/a/tandem.db", "nfs4", True),
        ("/mnt/nas/local/a", "xfs", False),
        ("/mnt/nasty", "ext4", False),
        ("/mnt/my share/a", "cifs", True),
        ("/home/me/far/a", "fuse.sshfs", True),
        ("/run/user/1000/doc/a", "fuse.portal", False),
        ("/mnt/c/Users", "9p", True),
        ("/mnt/twice/a", "ext4", False),
    ],
)
def test_a_path_lies_on_the_last_mount_above_it(path: str, kind: str, is_network: bool) -> None:
    found = mount_of(path, MOUNTS)
    assert found is not None and (found.kind, found.is_network) == (kind, is_network)


def test_what_can_not_be_read_is_on_no_mount() -> None:
    assert mount_of("/a", "") is None and mount_of("/a", "half a line\n\n") is None


@pytest.fixture
def on_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that seems to be on a network share."""
    mounts = tmp_path / "mounts"
    share = tmp_path.resolve() / "share"
    share.mkdir()
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nnas:/export {share} nfs4 rw 0 0\n")
    monkeypatch.setattr(file_systems, "MOUNTS", mounts)
    return share


def test_a_store_on_a_share_says_so_when_it_is_opened_and_in_its_errors(on_a_share: Path) -> None:
    store = JobStore.open(on_a_share / "tandem", OWNER)
    (note,) = store.notes
    store.close()
    error = unavailable(on_a_share / "tandem.db", trouble_of("locking protocol")).message
    for text in (note, error):
        assert "nfs4, nas:/export" in text and "--storage-path" in text
    assert JobStore.open(on_a_share.parent, OWNER).notes == []


def test_the_doctor_warns_of_a_storage_path_on_a_share_and_of_no_data_there(
    on_a_share: Path,
) -> None:
    (found,) = folder(check_folder("storage_path", on_a_share / "new"))
    assert (found.level, found.check) == ("warning", "storage") and "nas:/export" in found.text
    assert "--storage-path" in (found.remedy or "")
    assert list(folder(check_folder("data_dir", on_a_share))) == []
