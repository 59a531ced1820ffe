"""The commands that fix what a checkup finds. The finding says where to run each."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence

from orchestrator.cluster.ray_start import MAX_DEVICE_PORT, NodePorts, firewall_line
from orchestrator.devices.placement import Node, rename_command
from orchestrator.doctor.facts import CheckedNode, FolderFacts, HostFacts
from orchestrator.doctor.finding import MAX_FOLDERS

SHOW_MEMORY_USE = "ps aux | sort -rnk 4 | head  # end what you don't need"
NO_POWER_SAVING = "sudo iw dev wlan0 set power_save off  # on Wi-Fi; a cable is better"
SHOW_BIT_RATE = "iw dev wlan0 link  # shows the Wi-Fi's bit rate; a cable is faster"
RAYS_WORKER_PORTS = "10002:19999"  # unless ray start has others
AFTER_ITS_END = (
    "after Ctrl-C there; a plain `ray start` is ended by `ray stop`, with all nodes of that host"
)
GIB = 2**30


def install(package: str, versions: Mapping[str, str | None]) -> str:
    """Installs the ``package`` of ``versions``, or its Python, on a device."""
    if package != "python":
        return f"pip install {shlex.quote(_requirement(package, versions))}"
    minor = ".".join(str(versions["python"]).split(".")[:2])
    wanted = (_requirement(name, versions) for name in ("ray", "torch", "numpy"))
    return f"python{minor} -m venv .venv && .venv/bin/pip install {shlex.join(wanted)}"


def find_gpu(torch: str) -> str:
    """For a host whose GPU this version of torch does not see."""
    if torch.endswith("+cpu"):  # it meets the same requirement, so pip would leave it there
        wanted = _requirement("torch", {"torch": torch})
        return f"pip uninstall -y torch && pip install {wanted}  # on Linux, that one has CUDA"
    return "nvidia-smi  # does the driver work, and is it as new as the CUDA of torch?"


def _requirement(package: str, versions: Mapping[str, str | None]) -> str:
    name = "ray[default]" if package == "ray" else package
    version = versions.get(package)
    return name if version is None else f"{name}=={version.split('+')[0]}"


def restart(node: CheckedNode, address: str, gateway_ip: str) -> str:
    """Starts Ray on a node again; ``address`` is the cluster's."""
    if node.node.ip == gateway_ip:
        return "ray stop --force  # then start Ray and the gateway again as before"
    return f"ray stop --force && tandem join {address} --port {node.node.port}"


def rename(nodes: Sequence[Node], port: int, address: str) -> str:
    """A command for one of several nodes that claim to be device ``port`` of a host; ``nodes`` are
    all of that host."""
    return f"{rename_command(nodes, port, address)}  # {AFTER_ITS_END}"


def set_clock(host: HostFacts | None) -> str:
    """Has the clock follow the internet's."""
    if host is not None and host.os.startswith("macOS"):
        return "sudo sntp -sS time.apple.com"
    return "sudo timedatectl set-ntp true"


def enlarge_shared_memory(num_bytes: int) -> str:
    """So that it holds that much, until the next boot."""
    return f"sudo mount -o remount,size={math.ceil(num_bytes / GIB)}G /dev/shm"


def set_token_mode(mode: str) -> str:
    """For the shell that starts Ray."""
    return f"export RAY_AUTH_MODE={mode}  # there, and start Ray again"


def open_firewall(source: CheckedNode, target: CheckedNode) -> str:
    """A command for ``target`` that lets ``source`` in."""
    return firewall_line(source.node.ip, _ports(target))


def open_ports(source: CheckedNode, ports: str) -> str:
    """Lets ``source`` in at those ports, a range such as 32768:60999."""
    return firewall_line(source.node.ip, ports)


def _ports(node: CheckedNode) -> str:
    """The ports that `tandem join` fixes, otherwise the known ports that Ray chose."""
    port = node.node.port
    if port <= MAX_DEVICE_PORT:
        fixed = NodePorts(port)
        if fixed.flags["object-manager-port"] == node.object_manager_port:
            return fixed.firewall
    return f"{port},{node.object_manager_port},{RAYS_WORKER_PORTS}"


STORE_ELSEWHERE = "tandem serve --storage-path <a folder on a disk of this host>"


def make_writable(folder: FolderFacts) -> str:
    """For the user who runs the gateway."""
    path = shlex.quote(folder.path)
    return f'sudo mkdir -p {path} && sudo chown "$USER" {path}'


def show_folders(folders: Sequence[str]) -> str:
    """Shows the folders' contents and sizes."""
    return f"du -sh {' '.join(map(shlex.quote, folders[:MAX_FOLDERS]))}"


def show_disk_use(folder: str) -> str:
    """Shows what uses the space on its disk."""
    return f"du -xh --max-depth=2 {shlex.quote(folder)} | sort -h | tail  # delete what is old"
