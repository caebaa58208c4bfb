"""Ports and health: held by the right process, answering as the catalogue says, closed without a token."""

import json

from stack.catalogue import Service
from stack.desired import Desired
from tests.verify.observed import Observed
from tests.verify.saying import journal, require


def tcp_answers(seen: Observed, address: str, port: int | None) -> bool:
    script = f"</dev/tcp/{address}/{port}"
    return bool(seen.connection.run("timeout 3 bash -c %s", script).rc == 0)


def test_port(where: Desired, seen: Observed, served: Service) -> None:
    holders = [listener for listener in seen.listeners if listener.port == served.port]
    what = f"port {served.port} of {served.name}"
    require(bool(holders), where, what, "nothing listens on it", journal(where, served.unit))
    strange = [f"{h.user}'s pid {h.pid} ({h.unit})" for h in holders if h.unit != f"{served.unit}.service"]
    wrong = f"is held by {', '.join(strange)}, not by {served.unit}"
    require(not strange, where, what, wrong, f"stop it, then: sudo systemctl restart {served.unit}")


def test_no_other_port(where: Desired, seen: Observed) -> None:
    """Nothing that runs as the user or in a unit of ours listens on a port that the catalogue has not."""
    ports, user = {service.port for service in where.services}, where.site.catalogue.user
    ours = [x for x in seen.listeners if x.user == user or x.unit in seen.unit_files]
    strange = [f"{x.port} by {x.user}'s pid {x.pid} ({x.unit})" for x in ours if x.port not in ports]
    require(
        not strange, where, "ports", f"also held: {', '.join(strange)}", "sudo lsof -nP -iTCP -sTCP:LISTEN"
    )


def test_health(where: Desired, seen: Observed, served: Service) -> None:
    http, what = served.health.http, f"{served.unit} on port {served.port}"
    if http is None:
        answered = tcp_answers(seen, "127.0.0.1", served.port)
        require(answered, where, what, "does not accept connections", journal(where, served.unit))
        return
    answer = seen.answers[served.name]
    wrong = f"GET {http.path}: {answer}; expected {http.status}"
    require(answer.status == str(http.status), where, what, wrong, journal(where, served.unit))


def test_no_entry_without_token(where: Desired, seen: Observed, guarded: Service) -> None:
    for how in ("without", "wrong"):
        answer, asked = (
            seen.answers[f"{guarded.name} {how}"],
            f"GET with {'no' if how == 'without' else 'a wrong'} token",
        )
        wrong = f"{asked}: {answer}; expected 401"
        require(answer.status == "401", where, guarded.unit, wrong, journal(where, guarded.unit))


def test_reaches(where: Desired, seen: Observed, use: tuple[Service, Service, str]) -> None:
    """What a service needs answers where the service is told to find it, on this host or another."""
    service, other, address = use
    url, http = f"{address}:{other.port}", other.health.http
    then = f"on {where.host.name}: curl -s {url}{http.path if http else ''}"
    if http is None:
        reached = tcp_answers(seen, address, other.port)
        require(reached, where, service.unit, f"does not reach {other.name} at {url}", then)
        return
    answer = seen.answers[f"{service.name} {other.name} {address}"]
    wrong = f"{other.name} at {url} answers {json.dumps(str(answer))}; expected {http.status}"
    require(answer.status == str(http.status), where, service.unit, wrong, then)
