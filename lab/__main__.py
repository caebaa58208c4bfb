"""The command line: `python -m lab --help`."""

import argparse
import os
import sys
from pathlib import Path

from lab import changes, commands, image, privilege, settings
from lab.errors import LabError
from lab.shell import say

_ROOT = Path(__file__).resolve().parent.parent


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        description="Disposable real systemd hosts on this machine. LAB=<name> chooses the lab "
        f"(default: {settings.DEFAULT}); labs of different names run side by side.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    up = verbs.add_parser("up", help="start what is missing; return when every host answers")
    up.add_argument("--hosts", type=int, metavar="N", help="at least so many (default: as there are)")
    verbs.add_parser("down", help="remove the lab; nothing stays but the cached image")
    status = verbs.add_parser("status", help="what runs, and where")
    status.add_argument("--json", action="store_true")
    reset = verbs.add_parser("reset", help="hosts back to bare, or to a snapshot, in seconds")
    reset.add_argument("--to", metavar="NAME", help="the snapshot to go back to")
    reset.add_argument("--of", metavar="HOST", help="whose snapshot it is (default: each host's own)")
    reset.add_argument("host", nargs="*", metavar="HOST", help="default: every host")
    snapshot = verbs.add_parser("snapshot", help="keep a host's disk as it is now")
    snapshot.add_argument("host", metavar="HOST")
    snapshot.add_argument("name", metavar="NAME")
    reboot = verbs.add_parser("reboot", help="restart a host, wait until it is back")
    reboot.add_argument("host", metavar="HOST")
    verbs.add_parser("publish", help="bring the lab's git remote up to the working tree")
    pictures = verbs.add_parser("image", help="build the image now, or remove it")
    pictures.add_argument("--drop", action="store_true", help="remove every cached image")
    return parser


def main(arguments: list[str]) -> None:
    chosen = _parser().parse_args(arguments)
    lab = settings.from_environment(_ROOT)
    if chosen.verb == "status":
        commands.status(lab, as_json=chosen.json)
        return
    if chosen.verb == "publish":
        commands.publish_backend(lab)
        return
    privilege.become_root(_ROOT, arguments)
    os.umask(0o022)  # a stricter one of root's would lock the user and the hosts out
    privilege.require_packages()
    match chosen.verb:
        case "up":
            commands.up(lab, chosen.hosts)
        case "down":
            commands.down(lab)
        case "reset":
            changes.reset(lab, chosen.host, chosen.to, chosen.of)
        case "snapshot":
            changes.snapshot(lab, chosen.host, chosen.name)
        case "reboot":
            changes.reboot(lab, chosen.host)
        case "image" if chosen.drop:
            image.drop()
        case "image":
            say(f"image: {image.ensure()}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("lab: interrupted; `python -m lab up` goes on, `down` removes", file=sys.stderr)
        sys.exit(130)
