"""One host: an overlay over the image, booted by systemd-nspawn under a keeper."""

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from lab import cgroup, keys, network, process
from lab.errors import LabError
from lab.settings import Settings, address, gateway
from lab.shell import poll, run

_BOOT = Path(__file__).with_name("boot.sh")
_REBOOT = "133"  # how systemd-nspawn says that the host wants to be started again
_USER = (1000, 1000)


@dataclass(frozen=True)
class Machine:
    """A host's folder, files and processes. `image` and `upper` are there once it is made."""

    settings: Settings
    name: str

    @property
    def folder(self) -> Path:
        return self.settings.hosts / self.name

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    @property
    def image(self) -> Path:
        """Holds the path of the image that this host's overlay lies on."""
        return self.folder / "image"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    @property
    def record(self) -> Path:
        return self.settings.records / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.settings.records / f"{self.name}.log"

    @property
    def groups(self) -> list[Path]:
        return [tree / f"quantlab-lab-{self.settings.name}" / self.name for tree in cgroup.trees()]

    def is_running(self) -> bool:
        return process.running(self.record) is not None

    def create(self, image: Path, subnet: IPv4Network, client_key: str) -> None:
        """Make the bare host, over whatever was there before."""
        self._clear()
        part = self.folder / "upper.part"
        part.mkdir(parents=True)
        for path, text, mode in self._files(subnet, client_key):
            _place(image, part, path, text, mode)
        self.image.write_text(str(image))
        part.rename(self.upper)

    def start(self) -> None:
        """Boot. What a lab that was killed left running of this host is ended first."""
        self._finish()
        for name in ("work", "root"):
            (self.folder / name).mkdir(exist_ok=True)
        nspawn = [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit",
            "--link-journal=no", "--resolv-conf=off", "--timezone=off",
            f"--machine={self.name}", f"--network-bridge={self.settings.bridge}",
            f"--directory={self.folder / 'root'}",
        ]  # fmt: skip
        groups = " ".join(str(group) for group in self.groups)
        boot = ["sh", str(_BOOT), self.image.read_text(), str(self.folder), groups]
        command = ["unshare", "--mount", "--", *boot, *nspawn]
        process.start(self.record, command, log=self.log, again=_REBOOT)

    def stop(self, *, orderly: bool) -> None:
        """Shut down, or pull the plug where the disk is dropped anyway."""
        process.stop(self.record, orderly=orderly)
        self._finish()

    def snapshot(self, name: str) -> None:
        """Copy the disk of the stopped host."""
        kept = self.snapshots / name
        part = self.snapshots / f"{name}.part"
        for old in (part, kept):
            if old.exists():
                shutil.rmtree(old)
        part.mkdir(parents=True)
        for path in (self.upper, self.image):
            run("cp", "--archive", "--reflink=auto", path, part)
        part.rename(kept)

    def require(self, name: str) -> None:
        """Refuse a snapshot that is not there, before anything is stopped for it."""
        if not (self.snapshots / name).is_dir():
            there = ", ".join(sorted(path.name for path in self.snapshots.glob("*"))) or "none"
            raise LabError(f"host {self.name} has no snapshot '{name}'; it has: {there}")

    def restore(self, name: str) -> None:
        """Bring the disk of the stopped host back to a snapshot."""
        self._clear()
        for part in ("image", "upper"):
            run("cp", "--archive", "--reflink=auto", self.snapshots / name / part, self.folder)

    def _clear(self) -> None:
        for part in ("upper", "upper.part", "work"):
            if (self.folder / part).exists():
                shutil.rmtree(self.folder / part)

    def _finish(self) -> None:
        """End what outlived its keeper, and wait for the kernel to take the network end back."""
        cgroup.end(self.groups, self.name)
        port = f"vb-{self.name}"
        for _ in poll(5):
            if port not in network.ports(self.settings.bridge):
                break
        else:
            run("ip", "link", "delete", port)
        for leftover in Path("/run/systemd/nspawn/propagate").glob(self.name):
            leftover.rmdir()

    def _files(self, subnet: IPv4Network, client_key: str) -> list[tuple[str, str, int]]:
        """What tells this host from every other: path, content, mode."""
        number = self.settings.host_number(self.name)
        key = keys.host_key(self.settings, self.name)
        identity = hashlib.sha256(f"{self.settings.name}/{self.name}".encode()).hexdigest()[:32]
        net = (
            f"[Match]\nName=host0\n\n[Link]\nMTUBytes={network.uplink_mtu()}\n\n[Network]\n"
            f"Address={address(subnet, number)}/{subnet.prefixlen}\nGateway={gateway(subnet)}\n"
            "IPv6AcceptRA=no\n"
        )
        names = f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost ip6-localhost\n"
        return [
            ("etc/hostname", f"{self.name}\n", 0o644),
            ("etc/hosts", names, 0o644),
            ("etc/machine-id", f"{identity}\n", 0o444),
            ("etc/resolv.conf", _resolvers(), 0o644),
            ("etc/systemd/network/10-host0.network", net, 0o644),
            ("etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600),
            ("etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text(), 0o644),
            ("home/admin/.ssh/authorized_keys", client_key, 0o600),
        ]


def made(settings: Settings) -> list[Machine]:
    """Every host that this lab has, by number, running or not."""
    names = [path.name for path in settings.hosts.glob("*") if (path / "upper").is_dir()]
    return [Machine(settings, name) for name in sorted(names, key=settings.host_number)]


def _resolvers() -> str:
    """The name servers of this machine, not the stub on its loopback, which hosts cannot reach."""
    behind_stub = Path("/run/systemd/resolve/resolv.conf")
    return (behind_stub if behind_stub.exists() else Path("/etc/resolv.conf")).read_text()


def _place(image: Path, upper: Path, path: str, text: str, mode: int) -> None:
    """Write a file into an overlay that is not mounted, with the folders as the image has them."""
    for parent in reversed(Path(path).parents[:-1]):
        if not (upper / parent).exists():
            (upper / parent).mkdir()
            like = (image / parent).stat()
            os.chown(upper / parent, like.st_uid, like.st_gid)
            (upper / parent).chmod(stat.S_IMODE(like.st_mode))
    target = upper / path
    target.touch(mode=0o600)
    target.write_text(text)
    os.chown(target, *(_USER if path.startswith("home/") else (0, 0)))
    target.chmod(mode)
