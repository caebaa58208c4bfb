"""Carries out the catalogue's proofs: each step on a host that runs its service, as the controller passes on
what was kept. Proofs run beside each other and beside the look; tests wait for their outcome."""

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from stack.desired import Desired
from stack.flow import Proof, Step, Value, filled
from stack.site import Host
from tests.verify.connection import Connection, Unreadable

PROGRAM = Path(__file__).with_name("ask.py").read_text()
Known = dict[str, Value]
# At most so many questions at once: each waits rather than works, and sshd grants ten to a connection.
WORKERS = 32
PATIENCE = 20  # seconds beyond those that an update waits in the spool


@dataclass(frozen=True)
class Outcome:
    """Where a proof ended: `wrong` is None at the end of it."""

    seconds: float
    wrong: str | None = None
    host: Host | None = None
    service: str = ""


class Broken(Exception):
    def __init__(self, host: Host, service: str, wrong: str) -> None:
        super().__init__(wrong)
        self.host, self.service = host, service


def proofs(wanted: Desired) -> list[Proof]:
    """Those that begin on this host, as far as the environment allows them."""
    allowed, here = wanted.site.settings.verify_flow, {service.name for service in wanted.services}
    return [
        proof
        for proof in wanted.site.catalogue.flow
        if allowed != "none" and not (proof.writes and allowed == "read") and proof.steps[0].service in here
    ]


class Flow:
    """All proofs of an environment, under way."""

    def __init__(self, hosts: dict[str, Desired]) -> None:
        self.hosts = hosts
        self.connections = {name: Connection(wanted.host) for name, wanted in hosts.items()}
        self.locks = {name: threading.Lock() for name in hosts}
        self.pool = ThreadPoolExecutor(max_workers=WORKERS)
        self.outcomes: dict[tuple[str, str], Future[Outcome]] = {
            (name, proof.name): self.pool.submit(self.prove, wanted, proof)
            for name, wanted in hosts.items()
            for proof in proofs(wanted)
        }

    def prove(self, wanted: Desired, proof: Proof) -> Outcome:
        begin, site = time.monotonic(), wanted.site
        try:
            connection = self.connected(wanted.host)
            start = int(connection.output("date +%s%3N"))
            self.follow(wanted, list(proof.steps), {"symbol": site.settings.feed_symbols[0], "start": start})
        except Broken as broken:
            return Outcome(time.monotonic() - begin, str(broken), broken.host, broken.service)
        except (OSError, paramiko.SSHException, Unreadable, ValueError) as error:
            return Outcome(time.monotonic() - begin, f"{type(error).__name__}: {error}", wanted.host)
        return Outcome(time.monotonic() - begin)

    def follow(self, wanted: Desired, steps: list[Step], known: Known) -> None:
        """A step runs where the one before did, if its service is there, else on every host that has it."""
        if not steps:
            return
        step, *rest = steps
        at_home = any(service.name == step.service for service in wanted.services)
        for home in [wanted] if at_home else self.homes(step):
            self.follow(home, rest, known | self.ask(home, step, known))

    def homes(self, step: Step) -> list[Desired]:
        return [w for w in self.hosts.values() if any(s.name == step.service for s in w.services)]

    def ask(self, wanted: Desired, step: Step, known: Known) -> Known:
        __tracebackhide__ = True
        (service,) = (s for s in wanted.services if s.name == step.service)
        question = {
            "port": service.port,
            "path": filled(step.path, known),
            "method": "POST" if step.post else "GET",
            "stream": step.stream is not None,
            "token": wanted.site.secrets()[step.auth] if step.auth else None,
            "body": {key: filled(value, known) for key, value in step.body.items()},
            "equal": {place: filled(value, known) for place, value in step.equal.items()},
            "numbers": step.numbers,
            "fresh": step.fresh,
            "keep": step.keep,
            "start": known["start"],
            "seconds": wanted.site.settings.segment_seconds + PATIENCE,
        }
        program = f"{PROGRAM}\nprint(json.dumps(ask(json.loads({json.dumps(question)!r}))))\n"
        done = self.connected(wanted.host).feed("python3 -I -", program)
        if done.rc:
            raise Broken(wanted.host, step.service, f"could not be asked: {str(done.stderr).strip()[-200:]}")
        said = json.loads(done.stdout)
        if said["wrong"]:
            raise Broken(
                wanted.host, step.service, f"{question['method']} {question['path']}: {said['wrong']}"
            )
        return dict(said["kept"])

    def connected(self, host: Host) -> Connection:
        """Several proofs share a connection; one of them opens it."""
        with self.locks[host.name]:
            connection = self.connections[host.name]
            _ = connection.client
        return connection


UNDER_WAY = pytest.StashKey[Flow]()
