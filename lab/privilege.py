"""What the lab needs of this machine: Linux, root, and a handful of Debian packages."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from lab.errors import LabError
from lab.shell import run, say

# Each package with a program by which one sees that it is there.
_PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-container": "systemd-nspawn",
    "iproute2": "ip",
    "nftables": "nft",
    "git": "git",
    "openssh-client": "ssh",
}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NEEDS = (
    "the lab boots real systemd hosts on this machine: that needs Linux, root (or sudo), and the "
    f"packages {', '.join(_PACKAGES)}.\n"
    "lab: Without them, aim at real hosts instead: name them in inventory/production.py and type "
    "`make deploy ENV=production`"
)


def become_root(root: Path, arguments: list[str]) -> None:
    """Go on as root: at once if we are, else by running the same command again with sudo."""
    if sys.platform != "linux":
        raise LabError(f"this is {sys.platform}: {_NEEDS}")
    if os.getuid() == 0:
        # Administration programs lie outside an ordinary user's PATH.
        os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"
        return
    _again_with_sudo(root, arguments)


def _again_with_sudo(root: Path, arguments: list[str]) -> NoReturn:
    sudo = shutil.which("sudo")
    if sudo is None:
        raise LabError(f"you are not root and there is no sudo: {_NEEDS}")
    os.chdir(root)
    sys.stdout.flush()
    # -B: root must not leave compiled files in the user's checkout.
    lab = [f"LAB={os.environ['LAB']}"] if "LAB" in os.environ else []
    words = [sudo, "--", "env", *lab, sys.executable, "-B", "-m", "lab", *arguments]
    os.execv(sudo, words)  # noqa: S606 - no shell is wanted: this is the same command, as root


def require_packages() -> None:
    """Install the system packages that are missing, all in one go."""
    missing = [package for package, program in _PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"missing here: {', '.join(missing)}; {_NEEDS}")
    say(f"installing {', '.join(missing)}")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "--quiet", env=env)
    run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing, env=env)
