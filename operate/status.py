"""`make status`: every host, its release and its services, on one screen. Many hosts: one line for each."""

from typing import Any

from operate.hosts import ask, verb
from operate.overview import age, ago, overview, state
from operate.table import as_json, complain, painted, print_json, table

FEW = 3  # hosts that one screen holds in full
COLOURS = {"ok": "green", "unhealthy": "yellow"}


def show() -> int:
    """Exit code 0: all services of all hosts are healthy."""
    answers = ask(lambda wanted: verb("status", code=wanted.site.catalogue.code))
    seen = {name: answer.json() for name, answer in answers.items() if not answer.error}
    if as_json():
        print_json(seen)
    elif len(seen) > FEW:
        print(overview(seen))
    else:
        print("\n\n".join(screen(name, host) for name, host in seen.items()))
    code = complain(answers)
    well = all(s["health"] == "ok" for host in seen.values() for s in host["services"])
    return code or (0 if well and all(host["release"] for host in seen.values()) else 1)


def ran(timer: dict[str, Any]) -> str:
    """When a timer last ran, and how that ended; a run by hand tells of its end alone."""
    quiet = not timer["last"] and timer["result"] == "success"
    return f"last {timer['last'] or 'never'}" + ("" if quiet else f" ({timer['result']})")


def screen(name: str, host: dict[str, Any]) -> str:
    """One host for eyes."""
    if not host["release"]:
        return f"{name}  nothing was ever deployed here"
    held = host["lock"]
    lines = [
        f"{name}  release {host['release']} ({host['revision']}, {host['state']}, {age(host)} old)",
        f"  lock: {held['by'] + ': ' + held['reason'] if held else 'none'}   "
        f"drift: {', '.join(host['drift']) or 'none'}"
        + (f"   under way: {host['pending']['kind']} of {host['pending']['id']}" if host["pending"] else ""),
    ]
    rows = [("service", "state", "health", "since", "restarts", "memory", "port", "release")]
    for s in host["services"]:
        rows.append(
            (
                s["name"],
                state(s),
                s["health"],
                ago(s["seconds"]) if s["seconds"] is not None else "-",
                str(s["restarts"]),
                f"{s['memory'] / 2**20:.0f} MB" if s["memory"] else "-",
                str(s["port"] or "-"),
                "this" if s["release"] == host["release"] else s["release"] or "-",
            )
        )
    head, *text = table(rows, "  ").splitlines()
    lines.append(head)
    for line, service in zip(text, host["services"], strict=True):
        lines.append(painted(line, COLOURS.get(service["health"], "red")))
    lines += [f"  {s['name']}: {s['reason']}" for s in host["services"] if s["reason"]]
    lines += [f"  {t['name']}: {t['state']}, {ran(t)}, next {t['next'] or '-'}" for t in host["timers"]]
    return "\n".join(lines)
