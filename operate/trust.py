"""`make trust`: fetch the hosts' keys, show them beside what the inventory knows, write them after a yes.

FINGERPRINTS='SHA256:… …' stands for the yes: keys that are not among them are refused. A key that is
not the one of the file is never replaced, unless CHANGED names the host.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko
from pyinfra.connectors.sshuserclient import SSHClient

from operate.atomic import replace
from operate.exits import ended
from operate.table import table
from stack import known_hosts
from stack.errors import Refused
from stack.site import ROOT, Host, load

SECONDS = 10


@dataclass(frozen=True)
class Found:
    """A host's key as it shows it now, and what the file has for it."""

    host: str
    file: Path
    name: str  # in the file
    kind: str
    key: str
    held: dict[str, str]
    error: str = ""

    @property
    def state(self) -> str:
        if self.error:
            return "no answer"
        if not self.held:
            return "new"
        return "known" if self.key in self.held.values() else "CHANGED"


def seen(host: Host) -> Found:
    """Ask one host for its key, the way that pyinfra goes (~/.ssh/config included), and no further."""
    known = host.data.get("ssh_known_hosts_file")
    if not known:
        raise Refused(f"inventory: {host.name} has no ssh_known_hosts_file: say where its key is to be kept")
    file = ROOT / Path(str(known)).expanduser()
    asked = {"port": int(host.data["ssh_port"])} if "ssh_port" in host.data else {}
    hostname, how, *_ = SSHClient().parse_config(
        str(host.data.get("ssh_hostname", host.name)),
        {"timeout": SECONDS, **asked},
        ssh_config_file=host.data.get("ssh_config_file"),
        strict_host_key_checking="yes",
    )
    name = known_hosts.named(hostname, how["port"])
    held = known_hosts.held(file.read_text() if file.exists() else "", name)
    try:
        kind, key = shown(how.get("sock") or (hostname, how["port"]), list(held))
    except (OSError, EOFError, paramiko.SSHException) as error:
        return Found(host.name, file, name, "", "", held, f"{hostname} port {how['port']}: {error}")
    return Found(host.name, file, name, kind, key, held)


def shown(way: object, kinds: list[str]) -> tuple[str, str]:
    """The key that a server proves to have, of one of the known kinds if it has such a one."""
    transport = paramiko.Transport(way)  # type: ignore[arg-type]
    try:
        options = transport.get_security_options()
        accepted = list(options.key_types)
        options.key_types = sorted(accepted, key=lambda each: each not in kinds)
        transport.start_client(timeout=SECONDS)
        found = transport.get_remote_server_key()
        return found.get_name(), found.get_base64()
    finally:
        transport.close()


def trust() -> int:
    site = load()
    names = site.chosen(os.environ.get("LIMIT"))
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(seen, (site.hosts[name] for name in names)))
    rows = [(k.host, k.name, k.kind, known_hosts.fingerprint(k.key), k.state) for k in keys if not k.error]
    print(table([("host", "known as", "kind", "fingerprint", "state"), *rows]))
    for key in keys:
        if key.error:
            print(f"{key.host}: no answer from {key.error}", file=sys.stderr)
    accept(changed(keys) + [key for key in keys if key.state == "new"])
    return 1 if any(key.error for key in keys) else 0


def changed(keys: list[Found]) -> list[Found]:
    """The changed keys that CHANGED allows. Raises Refused when there is any other."""
    allowed = os.environ.get("CHANGED", "").replace(",", " ").split()
    found = [key for key in keys if key.state == "CHANGED"]
    reasons = [
        f"{key.host}: {key.file} has another key for {key.name}: "
        + ", ".join(f"{kind} {known_hosts.fingerprint(each)}" for kind, each in key.held.items())
        for key in found
        if key.host not in allowed
    ]
    if reasons:
        then = "was the host installed anew? Then CHANGED=host allows it; else somebody stands in between"
        raise Refused(*reasons, f"nothing was written: {then}")
    return found


def accept(keys: list[Found]) -> None:
    """Write keys down once the operator has vouched for them."""
    if not keys:
        print("nothing to write")
        return
    given = os.environ.get("FINGERPRINTS", "").replace(",", " ").split()
    strange = [key for key in keys if known_hosts.fingerprint(key.key) not in given]
    if given and strange:
        told = (f"{key.host}: {known_hosts.fingerprint(key.key)} is not in FINGERPRINTS" for key in strange)
        raise Refused(*told, "nothing was written")
    if not given:
        confirm()
    for file in {key.file for key in keys}:
        text = file.read_text() if file.exists() else ""
        for key in (key for key in keys if key.file == file):
            text = known_hosts.without(text, key.name)
            text += "" if text.endswith("\n") or not text else "\n"
            text += f"{key.name} {key.kind} {key.key}\n"
        replace(file, text.encode(), 0o644)
        print(f"{file}: written")


def confirm() -> None:
    look = "on the host's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
    if not sys.stdin.isatty():
        raise Refused(
            "nobody is here to compare the fingerprints: pass those that you got by another way as "
            f"FINGERPRINTS='SHA256:…' ({look})"
        )
    print(f"Compare each fingerprint with what you get by another way\n({look}).")
    if input("Type yes to trust these keys: ").strip() != "yes":
        raise Refused("nothing was written")


if __name__ == "__main__":
    sys.exit(ended(trust))
