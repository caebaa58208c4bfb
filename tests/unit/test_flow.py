"""The flow's proofs: what the catalogue may ask, and how an answer is judged."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from stack.flow import Proof, Step, filled
from tests.unit.examples import ONE, SPREAD, catalogue, secrets, site, wanted
from tests.verify.ask import ask, misfit, places
from tests.verify.flow import proofs

ASKED: dict[str, Any] = {"equal": {}, "numbers": [], "fresh": [], "start": 1000}


def proof(*steps: dict[str, Any]) -> Proof:
    return Proof.model_validate({"name": "x", "steps": steps})


def test_gaps_are_named() -> None:
    wrong = proof(
        {"service": "nosuch", "get": "/a", "auth": "NO_TOKEN", "keep": {"id": "id"}},
        {"service": "labeld", "get": "/b?{id}&{start}&{later}", "keep": {"later": "x"}},
    )
    assert wrong.gaps({"labeld"}, {"TOKEN"}) == [
        "no service with a port is named nosuch",
        "NO_TOKEN is not under `secrets`",
        "labeld: nothing before it keeps later",
    ]


def test_every_step_of_the_catalogue_can_be_asked() -> None:
    known = catalogue()
    served = {service.name for service in known.services if service.port}
    assert known.flow
    assert [gap for each in known.flow for gap in each.gaps(served, known.secrets)] == []
    assert {step.service for each in known.flow for step in each.steps} == served - {"strategyd"}


@pytest.mark.parametrize(
    "step",
    [{}, {"get": "/a", "post": "/b"}, {"get": "/a", "body": {"x": 1}}, {"get": "a"}, {"get": "/a", "is": {}}],
)
def test_a_step_is_exactly_one_question(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate({"service": "labeld", **step})


def test_a_value_keeps_its_kind() -> None:
    known: dict[str, str | int | bool] = {"start": 12, "id": "x"}
    assert filled("{start}", known) == 12
    assert filled("/a?{id}&from={start}", known) == "/a?x&from=12"
    assert filled(True, known) is True


def test_a_proof_belongs_to_where_it_begins() -> None:
    here = wanted(site(SPREAD), "feed"), wanted(site(SPREAD), "research")
    assert [[each.name for each in proofs(w)] for w in here] == [["replay", "run"], ["features", "labels"]]


@pytest.mark.parametrize(
    ("allowed", "names"), [("read", {"replay", "features", "labels"}), ("none", set[str]())]
)
def test_an_environment_may_allow_less(allowed: str, names: set[str]) -> None:
    assert {each.name for each in proofs(wanted(site(ONE, verify_flow=allowed)))} == names


def test_places() -> None:
    answer = {"runs": [{"id": "a", "n": 1}, {"id": "b"}]}
    assert places(answer, "runs.1.id") == ["b"]
    assert places(answer, "runs.*.id") == ["a", "b"]
    assert places(answer, "runs.2.id") == places(answer, "runs.x.id") == places(answer, "no.id") == []


@pytest.mark.parametrize(
    ("answer", "asked", "wrong"),
    [
        ({"s": "ok"}, {"equal": {"s": "ok"}}, None),
        ({"s": "bad"}, {"equal": {"s": "ok"}}, 's is "bad", not "ok"'),
        ({"r": [{"i": 1}, {"i": 2}]}, {"equal": {"r.*.i": 3}}, "r.*.i is none of 2, not 3"),
        ({"mid": True}, {"numbers": ["mid"]}, "mid is no number"),
        ({}, {"fresh": ["ts"]}, "ts is no number"),
        ({"ts": 600, "ahead": 400}, {"fresh": ["ts", "ahead"]}, None),
        (
            {"ts": 500, "ahead": 400},
            {"fresh": ["ts", "ahead"]},
            "no update since the check began; the newest is 0.1 s older",
        ),
    ],
)
def test_misfit(answer: object, asked: dict[str, Any], wrong: str | None) -> None:
    assert misfit(answer, {**ASKED, **asked}) == wrong


@pytest.fixture
def service() -> Iterator[Callable[..., dict[str, Any]]]:
    """A service that gives each answer once and the last one for ever; returns how asking it ends."""
    scripted: list[tuple[int, str]] = []
    heard: list[tuple[str, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.command, self.headers["Authorization"]))
            status, body = scripted.pop(0) if len(scripted) > 1 else scripted[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def asking(*script: tuple[int, str], **more: Any) -> dict[str, Any]:
        scripted[:] = script
        heard.clear()
        question = {"port": server.server_address[1], "path": "/", "method": "GET", "stream": False}
        question |= {"token": None, "body": {}, "keep": {}, "seconds": 0.5}
        outcome = ask({**question, **ASKED, **more})
        return {**outcome, "heard": len(heard), "auth": heard[-1][1]}

    yield asking
    server.shutdown()
    server.server_close()


def test_asks_until_it_fits(service: Callable[..., dict[str, Any]]) -> None:
    script = (503, "warming up"), (200, '{"s": "running"}'), (200, '{"s": "done", "id": 7}')
    found = service(*script, equal={"s": "done"}, keep={"job": "id"}, token="t0ken")
    assert found == {"wrong": None, "kept": {"job": 7}, "heard": 3, "auth": "Bearer t0ken"}


def test_says_what_did_not_fit(service: Callable[..., dict[str, Any]]) -> None:
    assert service((200, '{"s": "running"}'), equal={"s": "done"})["wrong"] == 's is "running", not "done"'
    assert service((503, "no S3"))["wrong"] == "answers 503 no S3"
    refused = service((401, "token"))
    assert (refused["wrong"], refused["heard"]) == ("answers 401 token", 1)


def test_reads_a_stream_until_an_event_fits(service: Callable[..., dict[str, Any]]) -> None:
    events = "".join(f": ping\n\nid: {ts}\ndata: {json.dumps({'ts': ts})}\n\n" for ts in (900, 990, 1500))
    found = service((200, events), stream=True, fresh=["ts"])
    assert (found["wrong"], found["kept"]) == (None, {"date": "19700101"})
    stale = service((200, events.split("id: 990")[0]), stream=True, fresh=["ts"])
    assert stale["wrong"] == "no update since the check began; the newest is 0.1 s older"


def test_the_secrets_that_proofs_name_are_there() -> None:
    known = catalogue()
    assert {step.auth for each in known.flow for step in each.steps if step.auth} <= secrets(known).keys()
