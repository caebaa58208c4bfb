"""The doctor without a host: what it says of answers, how it tells causes, that it travels whole."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from doctor import files, machine, neighbours, observed, s3, units
from doctor.kinds import Evidence
from doctor.observed import variables
from doctor.preflight import told
from doctor.table import CAUSES, SYMPTOMS

from operate.doctor import gathered, silent
from operate.hosts import Answer
from stack.desired import desired
from stack.plan import plan
from stack.preflight import late, request
from stack.refusals import Run
from stack.transport import piped, sent
from tests.unit.examples import REVISION, RUN, as_wanted, bare, secrets, site, wanted

# The example of AWS's own documentation: GET bucket, list objects.
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNATURE = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_a_signature_is_the_documented_one() -> None:
    where = "examplebucket.s3.amazonaws.com"
    target = s3.Target(f"https://{where}", "", "us-east-1", KEY, SECRET)
    headers = s3.signed(target, where, "/", "max-keys=2&prefix=J", 1369353600)
    assert headers["Authorization"].endswith(f"Signature={SIGNATURE}")
    assert SECRET not in repr(target)


TARGET = s3.Target("http://s3.example.com", "compact", "us-east-1", "k", "s")


@pytest.mark.parametrize(
    ("status", "body", "skew", "cause"),
    [
        (200, "<ListBucketResult></ListBucketResult>", 0, None),
        (200, "<ListBucketResult></ListBucketResult>", 299, None),
        (200, "<ListBucketResult></ListBucketResult>", -301, "clock"),
        (403, "<Code>RequestTimeTooSkewed</Code>", 0, "clock"),
        (403, "<Code>SignatureDoesNotMatch</Code>", 0, "s3-credentials"),
        (404, "<Code>NoSuchBucket</Code>", 0, "s3-bucket"),
        (404, "not found", 0, "s3-unreachable"),
        (503, "<Code>SlowDown</Code>", 0, "s3-unreachable"),
        (200, "<html>a page of somebody else</html>", 0, "s3-unreachable"),
    ],
)
def test_an_answer_of_s3_has_one_cause(status: int, body: str, skew: float, cause: str | None) -> None:
    found = s3.judged(TARGET, s3.Reply(status, body, skew))
    assert (found[0] if found else None) == cause


def test_a_program_without_an_endpoint_has_nothing_to_do_with_s3() -> None:
    assert s3.target({"PORT": "1"}) is None
    assert s3.target({"S3_COMPACT_ENDPOINT": "http://x", "S3_COMPACT_BUCKET": ""}) is None


def test_variables_are_read_as_systemd_reads_them() -> None:
    text = "# no\nA='1 2'\nB=\"x\"\nC=plain\nD=\nexport E=1\n F=1\n"
    assert variables(text) == {"A": "1 2", "B": "x", "C": "plain", "D": ""}


def test_every_cause_can_be_told_and_means_one_thing() -> None:
    for symptom in SYMPTOMS:
        names = [cause.name for cause in symptom.causes]
        assert len(set(names)) == len(names), symptom.name
        for cause in symptom.causes:
            assert (cause.means, cause.mend) == (CAUSES[cause.name].means, CAUSES[cause.name].mend)
    assert SYMPTOMS[1].causes[-1].name == "failed"  # which always holds


def finding(subject: str | None, cause: str, evidence: str = "e", root: str | None = None) -> dict[str, Any]:
    symptom = "service" if subject else "deploy"
    shows = "is unhealthy" if subject else "a deploy would fail"
    texts = {"means": cause, "evidence": evidence, "root": root, "next": [f"mend {cause}"]}
    return {"symptom": symptom, "shows": shows, "subject": subject, "cause": cause, **texts}


def answers(**findings: list[dict[str, Any]]) -> dict[str, Answer]:
    return {name: Answer([json.dumps(told)]) for name, told in findings.items()}


def test_who_only_waits_is_told_with_the_root_on_whatever_host() -> None:
    feed = [finding("replayd", "stopped")]
    research = [finding("featurexd", "need", root="replayd"), finding("labeld", "need", root="featurexd")]
    found = gathered(answers(feed=feed, research=research))
    assert found["research"] == []
    assert found["feed"][0]["seen"] == [
        "replayd: is unhealthy",
        "featurexd, labeld: unhealthy because of it",
    ]


def test_a_need_whose_own_cause_nobody_knows_is_told_itself() -> None:
    found = gathered(answers(research=[finding("featurexd", "need", root="replayd")]))
    assert [one["subject"] for one in found["research"]] == ["featurexd"]


def test_one_cause_is_told_once_with_all_that_it_shows() -> None:
    told = [finding("replayd", "dns"), finding(None, "dns"), finding(None, "dns", "another name")]
    first, second = gathered(answers(one=told))["one"]
    assert first["seen"] == ["replayd: is unhealthy", "a deploy would fail"]
    assert second["seen"] == ["a deploy would fail"]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("cannot be reached: no route", "unreachable"),
        ("gave no answer: sudo asks for a password", "sudo"),
        ("Traceback", "no-answer"),
    ],
)
def test_a_host_that_says_nothing_has_a_verdict(error: str, cause: str) -> None:
    assert silent(error)["cause"] == cause
    (found,) = gathered({"one": Answer([], error)})["one"]
    assert found["cause"] == cause


def test_a_port_of_nobody_is_no_evidence() -> None:
    class Program:
        told = {"port": None}  # noqa: RUF012

    assert neighbours.port_held(None, Program()) is None  # type: ignore[arg-type]


def test_the_programs_travel_whole() -> None:
    """As on a host that has nothing of ours: what is sent is all that there is."""
    lines = sent("doctor.preflight.answer", {"code": "/nonexistent", "env": [], "fetch": None, "late": False})
    done = subprocess.run(
        ["/bin/sh", "-c", piped()], input="\n".join(lines), capture_output=True, text=True, cwd="/"
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr


def test_preflight_asks_with_what_is_wanted() -> None:
    host = wanted(site())
    found = plan(host, as_wanted(host), REVISION, "new", RUN)
    assert not late(found)
    asked = request(found)
    assert (asked["fetch"], asked["late"]) == (None, False)
    (target,) = {t for text in asked["env"] if (t := s3.target(variables(text)))}
    assert (target.endpoint, target.bucket) == ("https://s3.example.com", "compact")
    assert target.secret == secrets(host.site.catalogue)["AWS_SECRET_ACCESS_KEY"]


def test_the_doctor_reads_a_secret_that_no_env_file_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, odd = site(), "it's so"
    host = desired(alone, alone.host("one"), secrets(alone.catalogue) | {"STRATEGYD_TOKEN": odd})
    for path, file in host.files.items():
        if path.startswith("/etc/quantlab/"):
            place = tmp_path / path.removeprefix("/etc/quantlab/")
            place.parent.mkdir(exist_ok=True)
            place.write_text(file.content)
    monkeypatch.setattr(observed, "ENV", tmp_path)
    seen = observed.Observed.__new__(observed.Observed)
    worker = observed.Program({"name": "job-worker", "unit": "quantlab-worker", "env_file": "worker.env"})
    assert seen.env(worker)["STRATEGYD_TOKEN"] == odd
    assert files.env_missing(seen, worker) is None
    credential = tmp_path / "credentials" / "quantlab-worker.STRATEGYD_TOKEN"
    credential.unlink()
    missing = files.env_missing(seen, worker)
    assert missing is not None
    assert missing.text == f"{credential} is not there"


def test_a_bare_host_is_asked_for_the_rest_later() -> None:
    found = plan(wanted(site()), bare(), REVISION, "new", RUN)
    assert late(found)
    asked = request(found, Run("run-1", "me@here", "a deploy"))
    assert asked["fetch"]["commit"] == REVISION.commit
    assert "files" not in asked["fetch"]
    assert asked["record"]["run"]["id"] == "run-1"


def test_a_refusal_says_what_mends_it() -> None:
    assert told("s3-bucket", "x has no bucket y")[0] == "there is no such bucket: x has no bucket y"
    assert Evidence("x").mend == ""


def test_the_release_that_is_not_whole_is_the_one_that_goes() -> None:
    """Not the older one, whose catalogue says what should be here."""
    seen = observed.Observed.__new__(observed.Observed)
    seen.live = "20260101-000000-0000000"
    lost = files.lost(seen, None)
    assert lost is not None
    assert lost.words == {"manifest": f"/opt/quantlab/releases/{seen.live}/manifest.json"}


def test_a_service_that_runs_without_a_file_that_can_be_loaded_does_not_survive_a_restart() -> None:
    seen = observed.Observed.__new__(observed.Observed)
    seen.request, seen.services, seen.manifest = {"guards": []}, [], {"enabled": ["a", "b", "c"]}
    states = {"a": ("enabled", "loaded"), "b": ("enabled", "bad-setting"), "c": ("disabled", "loaded")}
    seen.units = {unit: {"UnitFileState": file, "LoadState": load} for unit, (file, load) in states.items()}
    seen.ill = {}
    off = units.disabled(seen, None)
    assert off is not None
    assert off.text == "b, c: would not start with the host"


def test_a_mount_point_is_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a bind mount, which has the device of what lies above it."""
    lines = "1 0 0:1 / / rw - ext4 a rw\n2 1 0:1 /opt /opt ro - ext4 a rw\n"
    monkeypatch.setattr(Path, "read_text", lambda _: lines)
    assert machine.mount_of("/opt/quantlab/spool") == "/opt"
    assert machine.mount_of("/etc/quantlab") == "/"


def test_what_pyinfra_prints_of_a_question_shows_nothing_of_it() -> None:
    """It prints the arguments of each fact from -v on, and the preflight's hold env files."""
    question = sent("doctor.preflight.answer", {"env": ["A_TOKEN='hunter2'"]})
    assert "hunter2" in question[1]
    assert "hunter2" not in f"{question} {question!r}"
