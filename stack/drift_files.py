"""Files and folders of a host that are not as the live release and this checkout say. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stack import diff
from stack.desired import Desired
from stack.difference import owned
from stack.finding import Finding, at, source
from stack.render import UNITS


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


def unlike(now: list[str] | None, wanted: list[str]) -> str:
    """How a file or folder is not as wanted, in words."""
    if now is None:
        return "is missing"
    kinds = {"directory": "is a folder", "other": "is a link or a special file"}
    said = [kinds.get(now[0], "content changed")] if now[0] != wanted[0] else []
    said += [f"mode is {now[1]}, not {wanted[1]}"] if now[1] != wanted[1] else []
    owner, right = ":".join(now[2:]), ":".join(wanted[2:])
    return "; ".join(said + ([f"owner is {owner}, not {right}"] if owner != right else []))
