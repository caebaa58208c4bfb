"""One host: an overlay over the image, booted by systemd-nspawn under a keeper."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from lab import cgroup, keys, network, process
from lab.disk import Disk, File
from lab.settings import Settings, address, gateway
from lab.shell import poll, run

_BOOT = Path(__file__).with_name("boot.sh")
_REBOOT = "133"  # how systemd-nspawn says that the host wants to be started again
_USER = 1000  # `admin`, the first user of the image
_NSPAWN_FOLDERS = Path("/run/systemd/nspawn/propagate")


@dataclass(frozen=True)
class Machine:
    """A host's disk and processes."""

    settings: Settings
    name: str

    @property
    def disk(self) -> Disk:
        return Disk(self.settings.hosts / self.name)

    @property
    def record(self) -> Path:
        return self.settings.records / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        """What the host's console shows."""
        return self.settings.records / f"{self.name}.log"

    @property
    def groups(self) -> list[Path]:
        return [tree / self.settings.group / self.name for tree in cgroup.trees()]

    def is_running(self) -> bool:
        return process.running(self.record) is not None

    def create(self, stack: Sequence[str], subnet: IPv4Network, client_key: str) -> None:
        """Make the host anew on these layers (bare: the image alone), over whatever was there before."""
        self.disk.create(stack, self._files(subnet, client_key))

    def start(self) -> None:
        """Boot. What a lab that was killed left running of this host is ended first."""
        self._finish()
        nspawn = [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
            "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            f"--machine={self.name}", f"--network-bridge={self.settings.bridge}",
            f"--directory={self.disk.folder / 'root'}",
        ]  # fmt: skip
        groups = " ".join(str(group) for group in self.groups)
        boot = ["sh", str(_BOOT), ":".join(self.disk.layers), str(self.disk.folder), groups]
        command = ["unshare", "--mount", "--", *boot, *nspawn]
        process.start(self.record, command, log=self.log, again=_REBOOT)

    def stop(self, *, orderly: bool) -> None:
        """Shut down, or pull the plug where the disk is dropped anyway."""
        if not orderly:
            # Without its inhabitants, systemd-nspawn clears up after itself and ends.
            for _ in poll(5):
                if not self.is_running():
                    break
                cgroup.kill(group / "payload" for group in self.groups)
        process.stop(self.record, orderly=orderly)
        self._finish()

    def _finish(self) -> None:
        """End what outlived its keeper, and let go of the host's end of the network.

        The kernel takes that back by itself, but only when the last connection has ended: one that
        was cut off keeps it for minutes, and the next boot would find its place taken.
        """
        cgroup.end(self.groups, self.name)
        port = f"vb-{self.name}"
        for _ in poll(1):
            if port not in network.interfaces():  # on the bridge or, if that is gone, off it
                break
        else:
            run("ip", "link", "delete", port)
        for leftover in _NSPAWN_FOLDERS.glob(self.name):
            leftover.rmdir()

    def _files(self, subnet: IPv4Network, client_key: str) -> Iterator[File]:
        """What tells this host from every other."""
        number = self.settings.host_number(self.name)
        key = keys.host_key(self.settings, self.name)
        identity = hashlib.sha256(f"{self.settings.name}/{self.name}".encode()).hexdigest()[:32]
        net = (
            f"[Match]\nName=host0\n\n[Link]\nMTUBytes={network.uplink_mtu()}\n\n[Network]\n"
            f"Address={address(subnet, number)}/{subnet.prefixlen}\nGateway={gateway(subnet)}\n"
            "IPv6AcceptRA=no\n"
        )
        names = f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost ip6-localhost\n"
        yield File("etc/hostname", f"{self.name}\n")
        yield File("etc/hosts", names)
        yield File("etc/machine-id", f"{identity}\n", 0o444)
        yield File("etc/resolv.conf", _resolvers())
        yield File("etc/systemd/network/10-host0.network", net)
        yield File("etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
        yield File("etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text())
        yield File("home/admin/.ssh/authorized_keys", client_key, 0o600, _USER)


def made(settings: Settings) -> list[Machine]:
    """Every host that this lab has, by number: running or not, whole or half made."""
    names = [path.name for path in settings.hosts.glob("*")]
    return [Machine(settings, name) for name in sorted(names, key=settings.host_number)]


def _resolvers() -> str:
    """The name servers of this machine, not the stub on its loopback, which hosts cannot reach."""
    behind_stub = Path("/run/systemd/resolve/resolv.conf")
    return (behind_stub if behind_stub.exists() else Path("/etc/resolv.conf")).read_text()
