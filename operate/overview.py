"""`make status` of many hosts: a line for each, and below it what is not well there."""

import time
from calendar import timegm
from collections import Counter
from typing import Any

from operate.table import painted, table

HEAD = ("host", "release", "age", "services", "since", "restarts", "memory", "lock", "drift")


def overview(seen: dict[str, dict[str, Any]]) -> str:
    """All hosts for eyes. `since`: how long the youngest service has been up."""
    head, *rows = table([HEAD, *(row(name, host) for name, host in seen.items())]).splitlines()
    lines = [head]
    for line, host in zip(rows, seen.values(), strict=True):
        wrong = troubles(host)
        lines.append(painted(line, "red" if wrong else "green"))
        lines += [f"  {trouble}" for trouble in wrong]
    bad = [name for name, host in seen.items() if troubles(host)]
    lines += ["", f"{len(seen)} hosts: {len(seen) - len(bad)} well, {len(bad)} not"]
    if bad:
        lines[-1] += f"; in full: make status LIMIT={bad[0]}"
    releases = Counter(str(host["release"]) for host in seen.values() if host["release"])
    if len({name.rsplit("-", 1)[-1] for name in releases}) > 1:  # one commit has a release on each host
        lines.append("releases: " + ", ".join(f"{name} on {n}" for name, n in releases.most_common()))
    return "\n".join(lines)


def row(name: str, host: dict[str, Any]) -> tuple[str, ...]:
    if not host["release"]:
        return (name, *["-"] * (len(HEAD) - 1))
    services = host["services"]
    well = sum(service["health"] == "ok" for service in services)
    up = [service["seconds"] for service in services if service["seconds"] is not None]
    return (
        name,
        host["release"],
        age(host),
        f"{well} ok" if well == len(services) else f"{well} of {len(services)} ok",
        ago(min(up)) if up else "-",
        str(sum(service["restarts"] for service in services)),
        f"{sum(service['memory'] for service in services) / 2**20:.0f} MB",
        host["lock"]["by"] if host["lock"] else "-",
        str(len(host["drift"]) or "-"),
    )


def troubles(host: dict[str, Any]) -> list[str]:
    """What is not well on a host, each in one line."""
    if not host["release"]:
        return ["nothing was ever deployed here"]
    found = []
    if host["pending"]:
        found.append(
            f"under way: {host['pending']['kind']} of {host['pending']['id']} by {host['pending']['by']}"
        )
    elif host["state"] != "good":
        found.append(f"release {host['release']} was never proved good: it is {host['state']}")
    for s in (s for s in host["services"] if s["health"] != "ok"):
        again = f", restarted {s['restarts']} times" if s["restarts"] else ""
        found.append(f"{s['name']}: {s['reason'] or state(s)}{again}")
    if host["drift"]:
        found.append(f"drift: {', '.join(host['drift'])}")
    for timer in host["timers"]:
        if timer["result"] != "success" or timer["state"] != "active":
            found.append(f"{timer['name']}: {timer['state']}, last run: {timer['result']}")
    return found


def state(service: dict[str, Any]) -> str:
    """What systemd says, with the reason when it is not what somebody may have wanted."""
    plain = service["state"] in ("active", "inactive")
    return str(service["state"]) if plain else f"{service['state']} ({service['result']})"


def age(host: dict[str, Any]) -> str:
    return ago(time.time() - timegm(time.strptime(host["prepared"], "%Y-%m-%dT%H:%M:%SZ")))


def ago(seconds: float) -> str:
    """A duration in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"
