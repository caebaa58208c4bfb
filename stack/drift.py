"""What on a host is not as the live release and the catalogue say, and what to do about it. Pure.

The release is the measure for its files, units and code; the catalogue for what outlives releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stack import diff
from stack.checkout import of_the_code
from stack.desired import GUARDS, Desired
from stack.difference import owned
from stack.finding import DEPLOY, Finding, at, source
from stack.render import UNITS, Renderer

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


def states(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Units that are off, masked, enabled by something else, or not read again."""
    enabled, units = seen["manifest"]["enabled"], seen["states"]
    services = {f"{s['unit']}.service": s["name"] for s in seen["manifest"]["services"]}
    for unit in [*enabled, *GUARDS]:
        now = units.get(unit, {})
        state = now.get("UnitFileState", "")
        since = f"state changed {now['StateChangeTimestamp']}" if now.get("StateChangeTimestamp") else ""
        if state.startswith("masked") or now.get("LoadState") == "masked":
            undo = f"sudo systemctl unmask --runtime {unit}" if state == "masked-runtime" else DEPLOY
            yield Finding(unit, "is masked", since, "-", undo)
        elif state != "enabled":
            what = f"is {state}, not enabled" if state else "has no unit file"
            yield Finding(unit, what, since, "take it out of the catalogue")
        elif unit in seen["elsewhere"]:
            by = ", ".join(seen["elsewhere"][unit]) or "nothing"
            what = f"is started by {by}, which its file does not say"
            yield Finding(unit, what, "", source(f"{UNITS}/{unit}"), f"sudo systemctl reenable {unit}")
        if unit in enabled and now.get("ActiveState") != "active":
            kind = "service" if unit in services else unit.rpartition(".")[2]
            keep = "take its role from this host (inventory/), then deploy" if unit in services else "-"
            yield Finding(unit, f"{kind} is {now.get('ActiveState', 'not there')}", since, keep)
    if stale := [unit for unit, now in units.items() if now.get("NeedDaemonReload") == "yes"]:
        what = f"{', '.join(sorted(stale))} changed on disk; systemd still has what it read before"
        yield Finding("systemd", what, undo="sudo systemctl daemon-reload (restarts nothing)")


def processes(_: Desired, seen: dict[str, Any], __: str) -> Iterator[Finding]:
    """Processes that are not of what lies on the host."""
    name, released = seen["manifest"]["id"], seen["manifest"]["files"]
    differing = seen["differing"]
    touched = (seen["checkout"] or {}).get("touched", {})
    for service in seen["manifest"]["services"]:
        process, unit = seen["processes"].get(service["name"]), f"{service['unit']}.service"
        if not process:
            continue
        started, restart = process["started"], f"make restart SERVICE={service['name']}"
        came = f"started {at(started)}"
        # A unit that was written by hand may run from anywhere; a release of ours runs from its own code.
        runs = seen["running"].get(unit, {}).get(service["name"])
        if not service.get("by_hand") and runs != service["digest"]:
            origin = process["release"] or "no release"
            yield Finding(unit, f"runs what {origin} holds, not {name}", came, "-")
        edited = [p for p in service["files"] if p in differing and differing[p]["now"] != released[p]]
        if process["differs"]:
            what = f"runs with other values than its env file says: {', '.join(process['differs'])}"
            yield Finding(unit, what, came, "-", DEPLOY if edited else restart)
        for path in edited:
            if not path.endswith(".env") and (differing[path]["changed"] or 0) > started:
                yield Finding(unit, f"is older than {path}", came, restart)
        newer = [p for p, t in touched.items() if (t or 0) > started and concerns(service, p)]
        if newer:
            what = f"is older than its code: {', '.join(newer[:5])}" + (" …" if len(newer) > 5 else "")
            yield Finding(unit, what, came, restart, "put the code back (see below)")


def concerns(service: dict[str, Any], path: str) -> bool:
    """Whether a path of the tree, file or folder, is the service's."""
    mine = service.get("paths", ())
    return any(f"{path}/".startswith(f"{p}/") or f"{p}/".startswith(f"{path.rstrip('/')}/") for p in mine)


def files(_: Desired, seen: dict[str, Any], key: str) -> Iterator[Finding]:
    """Files of the release: missing, other content, owner or mode."""
    for path, wanted in seen["manifest"]["files"].items():
        told = seen["differing"].get(path)
        if told and told["now"] != wanted:
            lines = diff.changes(told["release"], told["host"], key) if told["now"] else []
            changed = (told["now"] or [None])[0] != wanted[0]
            yield Finding(
                path,
                unlike(told["now"], wanted),
                f"written {at(told['changed'])}" if changed and told["now"] else "",
                source(path) if changed and told["now"] else "-",
                lines=tuple(lines if changed else ()),
            )
    for path in seen["copies"]:
        undo = "the next release has a right one; until then no deploy mends this"
        yield Finding(path, "the release's own copy was changed: a rollback would bring it", undo=undo)


def unlike(now: list[str] | None, wanted: list[str]) -> str:
    """How a file or folder is not as wanted, in words."""
    if now is None:
        return "is missing"
    kinds = {"directory": "is a folder", "other": "is a link or a special file"}
    said = [kinds.get(now[0], "content changed")] if now[0] != wanted[0] else []
    said += [f"mode is {now[1]}, not {wanted[1]}"] if now[1] != wanted[1] else []
    owner, right = ":".join(now[2:]), ":".join(wanted[2:])
    return "; ".join(said + ([f"owner is {owner}, not {right}"] if owner != right else []))


def programs(desired: Desired, seen: dict[str, Any], key: str) -> Iterator[Finding]:
    """Host programs, guard units, package sources and certificates, as this checkout has them."""
    for path, file in (desired.programs | desired.trusted).items():
        now, wanted = seen["files"].get(path), [file.sha256, *owned(file)]
        if now != wanted:
            told = seen["differing"].get(path)
            lines = diff.changes({"text": file.content}, told["host"], key) if told and now else []
            came = "by hand, or this checkout is another than the last deploy's"
            changed = now is not None and now[0] != wanted[0]
            keep = source(path) if changed else "-"
            yield Finding(path, unlike(now, wanted), came if changed else "", keep, lines=tuple(lines))


def strangers(desired: Desired, seen: dict[str, Any], key: str) -> Iterator[Finding]:
    """Drop-ins, units, env files and programs that nobody deployed. No deploy removes any of them."""
    ours = [*seen["manifest"]["enabled"], *desired.guard_units]
    for told in seen["strange_units"]:
        path, folder = told["path"], told["path"].rsplit("/", 2)[1]
        lines = tuple(diff.changes(None, told["host"], key))
        came = f"written {at(told['changed'])}"
        if folder.endswith(".d"):
            unit = folder.removesuffix(".d")
            names = [s.name for s in desired.services if f"{s.unit}.service" == unit]
            restart = f", then make restart SERVICE={names[0]}" if names else ""
            undo = f"sudo rm {path} && sudo systemctl daemon-reload{restart}"
            yield Finding(path, f"drop-in changes {unit}", came, source(f"{UNITS}/{unit}"), undo, lines)
        elif (unit := path.rpartition("/")[2]) in ours:
            undo = f"sudo rm {path} && sudo systemctl daemon-reload"
            yield Finding(
                path, f"another file for {unit}, of which systemd takes one", came, "-", undo, lines
            )
        elif not path.endswith("-by-hand.service"):  # what `make ml` runs while it runs
            undo = f"sudo systemctl disable --now {unit}; sudo rm {path}; sudo systemctl daemon-reload"
            keep = "a service of the catalogue (docs/add-a-service.md), or another name"
            yield Finding(path, "unit that no release and no deploy put there", came, keep, undo, lines)
    for told in seen["strange_files"]:
        path = told["path"]
        what = "no service reads it" if path.startswith("/etc/") else "no program of this checkout"
        keep = "a service of the catalogue that reads it" if path.startswith("/etc/") else "-"
        undo = f"sudo rm {'-r ' if not path.startswith('/etc/') else ''}{path}"
        yield Finding(path, what, f"written {at(told['changed'])}", keep, undo)


def folders(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Folders and logs, which keep what they hold: owner and mode alone."""
    for path, file in desired.directories.items():
        wanted, now = ["directory", *owned(file)], seen["files"].get(path)
        if now != wanted:
            yield Finding(path, unlike(now, wanted))
    for path, file in desired.logs.items():
        now = seen["files"].get(path)
        if now is None or now[1:] != owned(file):
            yield Finding(path, unlike(now, [now[0] if now else "", *owned(file)]))


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


def ports(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Ports of the catalogue that others hold or that are open to the world; other ports of ours."""
    owners = {s.port: s for s in desired.site.catalogue.services if s.port}
    renderer = Renderer(desired.site, desired.host, {})
    for socket in seen["sockets"]:
        service = owners.get(socket["port"])
        where, unit = f"port {socket['port']}", socket["unit"]
        who = f"{socket['name']} (pid {socket['pid']}, {unit}, user {socket['user']})"
        stop = f"sudo systemctl stop {unit}" if unit.endswith(".service") else f"sudo kill {socket['pid']}"
        if service is None:
            yield Finding(where, f"is open by {who}; no service has this port", "", "-", stop)
        elif unit != f"{service.unit}.service":
            yield Finding(where, f"of {service.name} is held by {who}", "", "-", stop)
        elif not socket["local"] and renderer.listen(service).startswith("127."):
            what = f"of {service.name} is open to other hosts; the catalogue says this host alone"
            undo = f"put back what set it (see above), then make restart SERVICE={service.name}"
            yield Finding(where, what, "", "`listen` in the settings", undo)
