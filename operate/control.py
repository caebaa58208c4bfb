"""`make start | stop | restart [SERVICE=…]`: the documented order up, its reverse down, across all hosts."""

import os
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import TypeVar

from operate.hosts import Connected, Question, verb
from operate.table import complain
from stack.catalogue import Program, Service
from stack.desired import Desired, load
from stack.errors import Refused
from stack.site import Site
from stack.site import load as load_site

P = TypeVar("P", bound=Program)


def control(action: str) -> int:
    """Stops at the first service that does not end as it should, on any host."""
    site = load_site()
    services = asked(site.catalogue.services, os.environ.get("SERVICE", ""))
    if action == "stop":
        services.reverse()
    if action == "stop":
        for service, needed in ((s, needed_by(site, s)) for s in services):
            if lost := [name for name in needed if name not in [s.name for s in services]]:
                print(f"note: {', '.join(lost)} need {service.name} and will be unhealthy without it")
    hosts = Connected()
    failed = complain(hosts.errors)
    wanted = load()
    # Services that are on the same hosts go in one remote command.
    for homes, group in groupby(services, key=lambda s: [n for n in hosts.names if s in wanted[n].services]):
        asked_for = verb(
            "control", code=site.catalogue.code, action=action, names=[service.name for service in group]
        )
        answers = hosts.ask(partial(same, asked_for), homes)
        for host, answer in answers.items():
            for name, seconds in ({} if answer.error else answer.json()["took"]).items():
                print(f"{host}: {name} {DONE[action]} in {seconds} s")
        if complain(answers):
            return 1
    return failed


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


def needed_by(site: Site, service: Service) -> list[str]:
    return [other.name for other in site.catalogue.services if service.name in other.needs]
