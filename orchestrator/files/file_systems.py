"""On which file system a folder lies: one that other hosts share can't be trusted with locks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOUNTS = Path("/proc/mounts")
NETWORK_KINDS = frozenset(
    [
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "vmhgfs",
    ]
)
# The names of such file systems if a user's program mounts them.
NETWORK_PROGRAMS = frozenset(
    [
        "ceph",
        "ceph-fuse",
        "davfs",
        "davfs2",
        "gcsfuse",
        "glusterfs",
        "goofys",
        "juicefs",
        "mount-s3",
        "rclone",
        "s3fs",
        "smbnetfs",
        "sshfs",
        "vmhgfs-fuse",
    ]
)


@dataclass(frozen=True)
class Mount:
    """A line of /proc/mounts: ``source`` is mounted at ``point``."""

    source: str
    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Its bytes are on another host, or it is a virtual machine's view of its host's."""
        program = self.kind.removeprefix("fuse.")
        return self.kind in NETWORK_KINDS or (
            program != self.kind and program in NETWORK_PROGRAMS | NETWORK_KINDS
        )

    def __str__(self) -> str:
        return f"{self.kind}, {self.source} at {self.point}"


def mount_of(path: str, mounts: str) -> Mount | None:
    """The mount of an absolute path without links, from the text of /proc/mounts. Pure."""
    found = None
    for line in mounts.splitlines():
        fields = [_unescaped(field) for field in line.split()]
        if len(fields) < 3 or not PurePosixPath(path).is_relative_to(fields[1]):
            continue
        if found is None or len(fields[1]) >= len(found.point):  # the later one hides the earlier
            found = Mount(fields[0], fields[1], fields[2])
    return found


def network_mount(path: Path) -> Mount | None:
    """The network file system of the path, which need not exist yet; None for a disk of this host,
    and if the system does not say."""
    try:
        found = mount_of(str(path.resolve()), MOUNTS.read_text(errors="surrogateescape"))
    except (OSError, RuntimeError):  # no Linux; links in a circle
        return None
    return found if found is not None and found.is_network else None


def network_text(mount: Mount) -> str:
    """The sentence about a storage path there."""
    return (
        f"lies on a network file system ({mount}), where locks may fail and a slow link holds up "
        "every write: choose a --storage-path on a disk of the gateway's host"
    )


def _unescaped(field: str) -> str:
    """Spaces and the like are written as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
