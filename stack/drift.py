"""What on a host is not as the live release and the catalogue say, and what to do about it. Pure.

The release is the measure for its files, units and code; the catalogue for what outlives releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stack.checkout import of_the_code
from stack.desired import Desired
from stack.difference import owned
from stack.drift_files import files, folders, programs, strangers
from stack.drift_units import ports, processes, states
from stack.finding import DEPLOY, Finding, at

HARMLESS = {"users"}  # groups that Debian gives to everybody


def drift(desired: Desired, seen: dict[str, Any], key: str) -> list[Finding]:
    """Every difference, the gravest first: what runs, then files, units, and the host around them."""
    if "manifest" not in seen:
        return [Finding(desired.host.name, "has no python3: nothing else can be asked")]
    if not seen["manifest"] and seen["code"] == "tree":
        undo = "make plan shows what a deploy would take over and change"
        return [Finding(desired.host.name, "was set up by hand, no release is live", undo=undo)]
    if not seen["manifest"]:
        return [Finding(desired.host.name, "no release is live", "nothing was ever deployed here")]
    parts = (code_link, states, processes, of_the_code, files, programs, strangers, folders, host, ports)
    return [finding for part in parts for finding in part(desired, seen, key)]


def moved_on(desired: Desired, seen: dict[str, Any]) -> list[str]:
    """Files that the catalogue now says otherwise than the live release: a deploy's matter, and no drift."""
    released = seen.get("manifest", {}).get("files", {})
    wanted = {path: [file.sha256, *owned(file)] for path, file in desired.files.items()}
    return sorted(p for p in {*released, *wanted} if released.get(p) != wanted.get(p)) if released else []


def code_link(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    name, code = seen["manifest"]["id"], desired.site.catalogue.code
    if seen["release"] != name:
        leads = f"release {seen['release']}" if seen["release"] else "no release of this host"
        yield Finding(code, f"leads to {leads}; the last run left {name} live")
        return  # the links below it are another tree's
    for path, place in desired.links.items():
        if seen["links"].get(path) != place:
            leads = seen["links"].get(path)
            what = f"leads to {leads}, not {place}" if leads else f"is no link to {place}"
            undo = (
                DEPLOY if leads else f"move what it holds to {place}, then {DEPLOY}, which removes the rest"
            )
            yield Finding(f"{code}/{path}", what, undo=undo)


def host(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Packages and the user."""
    catalogue, account = desired.site.catalogue, seen["account"]
    for name in sorted(set(catalogue.packages) - set(seen["installed"])):
        when = seen["removed"].get(name)
        came = f"removed {when} (/var/log/apt/history.log may say by whom)" if when else ""
        yield Finding(name, "package is missing", came, "take it out of the catalogue's packages")
    user = catalogue.user
    if account is None:
        yield Finding(user, "user is missing")
        return
    came, mine = f"accounts last changed {at(account['changed'])}", f"user {user}"
    if account["shell"] != "/bin/bash":
        undo = f"sudo usermod --shell /bin/bash {user}"
        yield Finding(mine, f"shell is {account['shell']}, not /bin/bash", came, "-", undo)
    if account["home"] != f"/home/{user}":
        undo = f"sudo usermod --home /home/{user} {user}"
        yield Finding(mine, f"home is {account['home']}, not /home/{user}", came, "-", undo)
    if account["uid"] == 0:
        yield Finding(mine, "is root under another name (uid 0)", came, "-", f"sudo usermod --uid … {user}")
    for group in sorted({*account["groups"], account["group"]} - HARMLESS - {user}):
        yield Finding(mine, f"is in group {group}", came, "-", f"sudo gpasswd --delete {user} {group}")
