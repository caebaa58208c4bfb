"""The look at a host, as a pyinfra fact: one remote command, whatever the host lacks."""

import json
from typing import Any

from pyinfra.api import FactBase, Host
from typing_extensions import override

from operations import hostkeys
from stack.desired import GUARDS, Desired
from stack.site import ROOT
from stack.transport import piped

# A bare host has no python yet: then the shell says what little decides whether a deploy may start.
BARE = (
    ". /etc/os-release; [ -w /opt ] && writable=true || writable=false; "
    "memory=$(sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo); "
    'printf \'{"os": "%s %s", "disk_free_mb": %d, "memory_free_mb": %d, "inodes_free": %d, "writable": %s}\' '
    '"$ID" "$VERSION_ID" "$(($(stat -f -c \'%a * %S / 1048576\' /)))" "$((memory / 1024))" '
    '"$(stat -f -c %d /)" $writable'
)


class Look(FactBase[dict[str, Any]]):
    @override
    def command(self) -> str:
        return f"if command -v python3 >/dev/null; then {piped()}; else {BARE}; fi"

    @override
    def process(self, output: list[str]) -> dict[str, Any]:
        seen: dict[str, Any] = json.loads(output[-1])
        return seen


def request(desired: Desired) -> dict[str, Any]:
    """What host/look.py is asked."""
    catalogue = desired.site.catalogue
    return {
        "code": catalogue.code,
        "user": catalogue.user,
        "packages": catalogue.packages,
        "files": desired.looked_at,
        "links": list(desired.links),
        "units": [*desired.enabled, *GUARDS],
        "ports": [service.port for service in desired.services if service.port],
    }


def look(host: Host, desired: Desired) -> dict[str, Any] | None:
    """Observe a host; None when it could not be looked at (pyinfra has then said why and dropped it)."""
    if reason := hostkeys.stop():
        return {"refused": reason}
    source = (ROOT / "host" / "look.py").read_text()
    stdin = [json.dumps(source), json.dumps(request(desired))]
    try:
        return host.get_fact(Look, _sudo=True, _stdin=stdin)
    except EOFError as error:  # sudo wants a password, or another one
        return {"refused": str(error)}
