"""Asks services for their health from the host itself: one curl for all, its tokens over stdin."""

import json
import re
from dataclasses import dataclass

from stack.catalogue import Http, Service
from stack.desired import Desired
from tests.verify.connection import Connection, Unreadable

END = "@@answered "


@dataclass(frozen=True)
class Answer:
    """An HTTP status ("000": none), curl's word on an error, the first of the body."""

    status: str
    error: str
    body: str

    def __str__(self) -> str:
        if self.status == "000":
            return self.error or "no answer"
        return f"{self.status} {self.body}".strip()


def uses(wanted: Desired, service: Service) -> list[tuple[Service, str]]:
    """The services with a port that this one needs or is pointed at, each with the address it is told."""
    text = wanted.files[f"/etc/quantlab/{service.env_file}"].content
    told = set(re.findall(r"http://([^:/'\s]+):(\d+)", text))
    found = []
    for other in wanted.site.catalogue.services:
        if other.port is None or other is service:
            continue
        home = wanted.site.host_of(other, wanted.host) if other.name in service.needs else None
        address = "127.0.0.1" if home == wanted.host else home.address if home else None
        addresses = {a for a, port in told if port == str(other.port)} | ({address} if address else set())
        found += [(other, each) for each in sorted(addresses)]
    return found


def requests(wanted: Desired) -> dict[str, tuple[str, str | None]]:
    """What is asked on a host: name of the question, its address and token."""
    secrets = wanted.site.secrets()
    asked: dict[str, tuple[str, str | None]] = {}

    def ask(key: str, service: Service, http: Http, address: str, token: str | None) -> None:
        asked[key] = (f"http://{address}:{service.port}{http.path}", token)

    for service in wanted.services:
        http = service.health.http
        if http is not None:
            token = secrets[http.auth] if http.auth else None
            ask(service.name, service, http, "127.0.0.1", token)
            if http.auth:
                ask(f"{service.name} without", service, http, "127.0.0.1", None)
                ask(f"{service.name} wrong", service, http, "127.0.0.1", "not-the-token")
        for other, address in uses(wanted, service):
            if (far := other.health.http) is not None:
                token = secrets[far.auth] if far.auth else None
                ask(f"{service.name} {other.name} {address}", other, far, address, token)
    return asked


def configuration(asked: dict[str, tuple[str, str | None]]) -> str:
    """curl's config file for all questions. json's quoting is curl's for such values."""
    __tracebackhide__ = True
    parts = []
    for key, (url, token) in asked.items():
        lines = ["silent", "max-time = 5", 'noproxy = "*"', f"url = {json.dumps(url)}"]
        lines.append(f'write-out = "\\n{END}{key}|%{{http_code}}|%{{errormsg}}\\n"')
        if token is not None:
            lines.append("header = " + json.dumps(f"Authorization: Bearer {token}", ensure_ascii=False))
        parts.append("\n".join(lines))
    return "\nnext\n".join(parts) + "\n"


def answers(wanted: Desired, connection: Connection) -> dict[str, Answer]:
    """Ask everything in one command."""
    __tracebackhide__ = True
    asked = requests(wanted)
    if not asked:
        return {}
    # -q: nobody's ~/.curlrc; --config -: no token in the process list.
    done = connection.feed("curl -q --config -", configuration(asked))
    found: dict[str, Answer] = {}
    body: list[str] = []
    for line in str(done.stdout).split("\n"):
        if line.startswith(END):
            key, status, error = line.removeprefix(END).split("|", 2)
            found[key] = Answer(status, error, " ".join(" ".join(body).split())[:200])
            body = []
        else:
            body.append(line)
    if missing := asked.keys() - found.keys():
        raise Unreadable(f"curl ended with {done.rc} and did not ask {', '.join(sorted(missing))}")
    return found
