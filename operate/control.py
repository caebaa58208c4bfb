"""`make start | stop | restart [SERVICE=…]`: the documented order up, its reverse down, across all hosts."""

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TypeVar

from operate.hosts import Answer, Connected, Question, verb
from operate.table import as_json, complain, print_json
from stack.catalogue import Program, Service
from stack.desired import Desired, load
from stack.errors import Refused
from stack.site import Site
from stack.site import load as load_site

P = TypeVar("P", bound=Program)


def control(action: str) -> int:
    """Do it, and say what was done; to machines as seconds by host and service."""
    done: dict[str, dict[str, float]] = {}
    code = carry_out(action, done)
    if as_json():
        print_json(done)
    return code


def carry_out(action: str, done: dict[str, dict[str, float]]) -> int:
    """Stops at the first service that does not end as it should, on any host. Services that need one which
    was started find it again by themselves; that is waited for."""
    site, wanted = load_site(), load()
    say = partial(print, file=sys.stderr if as_json() else sys.stdout, flush=True)
    services = asked(site.catalogue.services, os.environ.get("SERVICE", ""))
    left = dependants(site.catalogue.services, services)
    if action == "stop":
        services.reverse()
        for service in left:
            gone = [need for need in service.needs if need in [one.name for one in (*services, *left)]]
            say(f"note: {service.name} needs {' and '.join(gone)}: unhealthy without")
    hosts = Connected()
    failed = complain(hosts.errors)
    # Services that are on the same hosts go in one remote command.
    for homes, together in groupby(services, lambda s: [n for n in hosts.names if s in wanted[n].services]):
        group = list(together)
        answers = hosts.ask(partial(same, order("control", site, group, action=action)), homes)
        for host, name, seconds in took(answers):
            done.setdefault(host, {})[name] = seconds
            say(f"{host}: {name} {DONE[action]} in {seconds} s")
        if complain(answers):
            hint(group, answers)
            return 1
    if action != "stop" and left:
        homes = [name for name in hosts.names if any(one in wanted[name].services for one in left)]
        answers = hosts.ask(partial(same, order("reunion", site, left)), homes)
        needs = {service.name: " and ".join(service.needs) for service in left}
        for host, name, seconds in took(answers):
            again = f" again after {seconds} s" if seconds else ""
            say(f"{host}: {name} needs {needs[name]}: healthy{again}")
        failed |= complain(answers)
    return failed


def order(verb_name: str, site: Site, services: Sequence[Service], **more: str) -> Question:
    return verb(verb_name, code=site.catalogue.code, names=[service.name for service in services], **more)


def took(answers: dict[str, Answer]) -> Iterator[tuple[str, str, float]]:
    """Host, service and seconds, of the hosts where all went well."""
    for host, answer in answers.items():
        for name, seconds in ({} if answer.error else answer.json()["took"]).items():
            yield host, name, seconds


def hint(services: list[Service], answers: dict[str, Answer]) -> None:
    """What a service that failed needs may be what is wrong."""
    for service in services:
        if service.needs and any((a.error or "").startswith(f"{service.name} (") for a in answers.values()):
            needs = f"{service.name} needs {' and '.join(service.needs)}"
            command = f"make start SERVICE={','.join([*service.needs, service.name])}"
            print(f"  {needs}; if that is down: {command}", file=sys.stderr)


def dependants(catalogue: Sequence[Service], services: Sequence[Service]) -> list[Service]:
    """The other services that need one of these, or need one that does."""
    found: list[Service] = []
    for service in catalogue:  # none stands before what it needs
        if service not in services and {*service.needs} & {one.name for one in [*services, *found]}:
            found.append(service)
    return found


def same(question: Question, _: Desired) -> Question:
    """Every host is asked the same."""
    return question


DONE = {"start": "is up and healthy", "restart": "restarted, healthy", "stop": "stopped"}


def asked(programs: Sequence[P], words: str) -> list[P]:
    """The programs that SERVICE names, in the order of the catalogue; all without it."""
    names = words.replace(",", " ").split()
    known = [program.name for program in programs]
    if unknown := [name for name in names if name not in known]:
        raise Refused(f"SERVICE={words}: no service {', '.join(unknown)}; there are: {', '.join(known)}")
    return [program for program in programs if not names or program.name in names]
