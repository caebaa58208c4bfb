"""What runs on a host, or does not, unlike the live release and the catalogue say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stack.desired import GUARDS, Desired
from stack.finding import DEPLOY, Finding, at, source
from stack.render import UNITS, Renderer


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
            yield Finding(unit, what, "", "take it out of the catalogue")
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


def ports(desired: Desired, seen: dict[str, Any], _: str) -> Iterator[Finding]:
    """Ports of the catalogue that others hold or that are open to the world; other ports of ours."""
    owners = {s.port: s for s in desired.site.catalogue.services if s.port}
    released = {s["port"]: f"{s['unit']}.service" for s in seen["manifest"]["services"]}
    renderer = Renderer(desired.site, desired.host, {})
    for socket in seen["sockets"]:
        service = owners.get(socket["port"])
        where, unit = f"port {socket['port']}", socket["unit"]
        who = f"{socket['name']} (pid {socket['pid']}, {unit}, user {socket['user']})"
        stop = f"sudo systemctl stop {unit}" if unit.endswith(".service") else f"sudo kill {socket['pid']}"
        if service is None and released.get(socket["port"]) == unit:
            continue  # of a release that has more services than this checkout
        if service is None:
            yield Finding(where, f"is open by {who}; no service has this port", "", "-", stop)
        elif unit != f"{service.unit}.service":
            yield Finding(where, f"of {service.name} is held by {who}", "", "-", stop)
        elif not socket["local"] and renderer.listen(service).startswith("127."):
            what = f"of {service.name} is open to other hosts; the catalogue says this host alone"
            undo = f"put back what set it (see above), then make restart SERVICE={service.name}"
            yield Finding(where, what, "", "`listen` in the settings", undo)
