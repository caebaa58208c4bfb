"""What `make doctor` says of a host that is broken on purpose, and whether what it says mends it."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab import state
from tests.lab.endstate import settled
from tests.lab.machines import NAME, ROOT, Machine, deploy, disturbed, run

Branch = Callable[[str, dict[str, str]], str]
Finding = dict[str, Any]


def examined(host: Machine) -> list[Finding]:
    result = run(sys.executable, "-m", "operate", "doctor", JSON="1")
    found: list[Finding] = json.loads(result.text[result.text.index("{") :])[host.name]  # after prompts
    assert result.code == (1 if found else 0), result.text
    return found


def causes(findings: list[Finding]) -> dict[str, list[str]]:
    """Who is affected by each cause, the host as "-"; those who only wait for somebody are left out."""
    return {
        f["cause"]: sorted({s.partition(":")[0] for s in f["seen"] if "because" not in s}) for f in findings
    }


def evidence(findings: list[Finding], cause: str) -> str:
    (text,) = (f["evidence"] for f in findings if f["cause"] == cause)
    return str(text)


def mend(host: Machine, findings: list[Finding]) -> None:
    """Type what the verdicts name, each once: `sudo …` on the host, then `make …` here, deploy first."""
    typed = list(dict.fromkeys(line for finding in findings for line in finding["next"]))
    for line in sorted(typed, key=lambda line: (line.startswith("make"), line != "make deploy")):
        if line.startswith("sudo "):
            host.sh(line)
        elif line == "make deploy":
            assert (result := deploy()).code == 0, result.text
        elif line.startswith("make ") and "YYYYMMDD" not in line:
            name, *words = line.removeprefix("make ").split()
            env = dict(word.split("=") for word in words)
            assert (result := run(sys.executable, "-m", "operate", name, **env)).code == 0, result.text


def edit(unit_env: str, name: str, value: str) -> str:
    return f"sed -i \"s|^{name}=.*|{name}='{value}'|\" /etc/quantlab/{unit_env}.env"


def test_a_healthy_host_gives_nothing(host: Machine) -> None:
    for _ in range(2):
        assert examined(host) == []
    result = run("make", "--silent", "doctor")
    assert (result.code, result.text) == (0, f"{host.name}: nothing found\n")


def test_services_that_do_not_start(host: Machine) -> None:
    """Each in its own way, all at once: nine causes, none of them mistaken for another."""
    host.sh(
        f"""
        for turn in 1 2 3 4 5 6; do systemctl restart quantlab-worker; done
        {edit("featurexd", "REPLAYD_TOKEN", "nosuch-token")}
        sed -i /^FEATUREXD_URL=/d /etc/quantlab/labeld.env
        chown root:root /opt/quantlab/spool
        mkdir -p /etc/systemd/system/quantlab-strategyd.service.d
        printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\nEnvironment=SECRET=x\\n' \\
            > /etc/systemd/system/quantlab-strategyd.service.d/mine.conf
        systemctl daemon-reload
        rm /etc/quantlab/backtestd.env; mkdir /etc/quantlab/backtestd.env
        rm /etc/quantlab/observer-api.env
        systemctl stop quantlab-console-ui quantlab-run-observer
        systemd-run --quiet --unit=stranger --collect python3 -m http.server --bind 127.0.0.1 8080
        for unit in featurexd labeld strategyd backtestd observer console-ui; do
            systemctl restart --no-block quantlab-$unit
        done
        sleep 3""",
        check=False,
    )
    findings = examined(host)
    assert causes(findings) == {
        "token": ["featurexd"],
        "variable": ["labeld"],
        "not-writable": ["collector"],
        "drop-in": ["strategyd"],
        "env-unreadable": ["backtestd"],
        "env-missing": ["observer-api"],
        "port": ["console-ui"],
        "stopped": ["observer"],
        "start-limit": ["job-worker"],
    }
    assert "REPLAYD_TOKEN" in evidence(findings, "token")
    assert evidence(findings, "variable") == "FEATUREXD_URL is missing in /etc/quantlab/labeld.env"
    assert "/opt/quantlab/spool is 0750 root root" in evidence(findings, "not-writable")
    assert "stranger.service" in evidence(findings, "port")
    assert "mine.conf sets ExecStart, Environment" in evidence(findings, "drop-in")
    mend(host, findings)
    assert examined(host) == []


DEPLOY = "a deploy would not succeed"


def fake(name: str, code: str) -> str:
    """A server in python that stands in for S3 on the host, until its unit is stopped."""
    s3 = state.read(ROOT, NAME).s3.removeprefix("http://")
    return f"""
        cat > /root/fake-{name}.py <<'PYTHON'\n{code}\nPYTHON
        systemd-run --quiet --unit=fake-{name} --collect --setenv=S3={s3} python3 /root/fake-{name}.py
        """


UNTRUSTED = """
import http.server, ssl, subprocess
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-subj", "/CN=s3", "-addext", "subjectAltName=IP:127.0.0.1",
    "-keyout", "/root/fake.key", "-out", "/root/fake.crt"], check=True)
server = http.server.HTTPServer(("127.0.0.1", 9443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/root/fake.crt", "/root/fake.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
EARLY = """
import email.utils, http.server, time
class Early(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response_only(403)
        self.send_header("Date", email.utils.formatdate(time.time() - 1200, usegmt=True))
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 9441), Early).serve_forever()
"""
READ_ONLY = """
import http.server
class ReadOnly(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<ListBucketResult></ListBucketResult>")
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(403)
http.server.ThreadingHTTPServer(("127.0.0.1", 9440), ReadOnly).serve_forever()
"""
SLOW = """
import asyncio, os
async def carry(reader, writer, seconds):
    while data := await reader.read(65536):
        await asyncio.sleep(seconds)
        writer.write(data)
    writer.close()
async def serve(reader, writer):
    answers, questions = await asyncio.open_connection(*os.environ["S3"].split(":"))
    await asyncio.gather(carry(reader, questions, 4), carry(answers, writer, 0))
async def main():
    await (await asyncio.start_server(serve, "127.0.0.1", 9442)).serve_forever()
asyncio.run(main())
"""


@pytest.fixture
def fakes(host: Machine) -> Iterator[None]:
    yield
    host.sh("systemctl stop 'fake-*'; rm -f /root/fake*")


@pytest.mark.usefixtures("fakes")
def test_settings_that_are_wrong(host: Machine) -> None:
    host.sh(
        f"""
        {fake("read-only", READ_ONLY)}
        {edit("replayd", "AWS_SECRET_ACCESS_KEY", "nosuch-secret")}
        {edit("collector", "S3_COMPACT_ENDPOINT", "http://127.0.0.1:9440")}
        {edit("observer", "S3_COMPACT_ENDPOINT", "http://nosuch.invalid:9000")}
        {edit("ml", "ML_SYMBOL", "nosuch")}
        systemctl start quantlab-ml.service
        echo 'process.exit(3)' > /home/deploy/quantlab-backend/core/job-worker/worker.js
        systemctl stop quantlab-observer
        mv /etc/systemd/system/quantlab-observer.service /root/fake.service
        systemctl mask quantlab-observer
        systemctl disable quantlab-console-ui
        systemctl restart quantlab-collector
        systemctl restart --no-block quantlab-replayd quantlab-worker
        sleep 3""",
        check=False,
    )
    assert run(sys.executable, "-m", "operate", "lock", REASON="a test").code == 0
    findings = examined(host)
    assert causes(findings) == {
        "s3-credentials": ["replayd"],
        "upload": ["collector"],
        "dns": ["observer"],
        "code": ["job-worker"],
        "masked": ["observer-api"],
        "no-day": ["ml-scheduler"],
        "disabled": ["a restart of the host would not bring all back"],
        "locked": [DEPLOY],
    }
    assert "AWS_SECRET_ACCESS_KEY in /etc/quantlab/replayd.env was changed by hand" in str(findings)
    assert "nosuch-secret" not in str(findings)
    assert "core/job-worker/worker.js (M)" in evidence(findings, "code")
    mend(host, findings)
    assert examined(host) == []


@pytest.mark.usefixtures("fakes")
def test_an_s3_that_is_ill(host: Machine) -> None:
    host.sh(
        f"""
        {fake("untrusted", UNTRUSTED)}
        {fake("early", EARLY)}
        {fake("slow", SLOW)}
        {edit("replayd", "S3_COMPACT_ENDPOINT", "https://127.0.0.1:9443")}
        {edit("collector", "S3_COMPACT_ENDPOINT", "http://127.0.0.1:9442")}
        {edit("observer", "S3_COMPACT_ENDPOINT", "http://127.0.0.1:9441")}
        {edit("worker", "STRATEGYD_URL", "nosuch")}
        systemctl restart --no-block quantlab-worker; sleep 1
        sed -i 's|^ExecStart=.*|ExecStart=/bin/false|' /etc/systemd/system/quantlab-observer.service
        rm /etc/systemd/system/quantlab-console-ui.service
        systemctl stop quantlab-console-ui; systemctl daemon-reload
        systemctl restart quantlab-collector
        systemctl restart --no-block quantlab-replayd quantlab-observer
        sleep 20""",
        check=False,
    )
    findings = examined(host)
    assert causes(findings) == {
        "s3-tls": ["replayd"],
        "s3-slow": ["collector"],
        "clock": ["observer"],
        "unit-missing": ["console-ui"],
        "unit": ["observer-api"],
        "edited": ["job-worker"],
    }
    assert "self-signed certificate" in evidence(findings, "s3-tls")
    assert " s ahead of that of http://127.0.0.1:9441" in evidence(findings, "clock")
    host.sh("systemctl stop fake-slow")
    mend(host, findings)
    assert examined(host) == []


def test_a_host_that_lacks_something(host: Machine, lab_json: Callable[[dict[str, object]], None]) -> None:
    queue, spool = "/opt/quantlab/shared/core/job-worker/queue", "/opt/quantlab/spool"
    host.sh(
        f"""
        {edit("replayd", "S3_COMPACT_BUCKET", "quantlab-runs")}
        {edit("observer", "RUN_ARCHIVE_S3_BUCKET", "nosuch")}
        systemctl restart quantlab-replayd
        mount -t tmpfs -o size=64k,uid=deploy,gid=deploy,mode=0750 none {spool}
        head -c 64k /dev/zero > {spool}/fill
        systemctl restart --no-block quantlab-collector
        mount -t tmpfs -o nr_inodes=20,uid=deploy,gid=deploy,mode=0750 none {queue}
        sed 's/^MemAvailable.*/MemAvailable: 99000 kB/' /proc/meminfo > /root/meminfo
        mount --bind /root/meminfo /proc/meminfo
        rm /home/deploy/quantlab-backend
        echo '#' >> /usr/local/lib/quantlab/look.py
        mv /usr/bin/node /usr/bin/node.away
        systemctl restart --no-block quantlab-observer
        sleep 4""",
        check=False,
    )
    lab_json({"git": "git://127.0.0.1:9/none.git"})
    try:
        findings = examined(host)
    finally:
        host.sh(
            f"umount /proc/meminfo {spool} {queue}; mv /usr/bin/node.away /usr/bin/node; rm /root/meminfo"
        )
    found = causes(findings)
    assert {DEPLOY, "collector", "observer-api"} <= set(found.pop("link"))
    assert found == {
        "no-data": ["replayd"],
        "s3-bucket": ["observer"],
        "disk": [DEPLOY],
        "inodes": [DEPLOY],
        "memory": [DEPLOY],
        "programs-old": ["commands of this checkout may fail"],
        "git": [DEPLOY],
    }
    assert "there is: nothing; S3_COMPACT_BUCKET in /etc/quantlab/replayd.env was changed" in str(findings)
    lab_json({})
    mend(host, [finding for finding in findings if finding["next"] == ["make deploy"]])
    assert examined(host) == []


def test_who_only_waits_is_told_with_what_it_waits_for(host: Machine) -> None:
    host.sh("systemctl stop quantlab-replayd; sleep 1")
    (finding,) = findings = examined(host)
    assert (finding["cause"], finding["subject"]) == ("stopped", "replayd")
    assert "featurexd, strategyd, backtestd: unhealthy because of it" in finding["seen"]
    mend(host, findings)
    assert examined(host) == []


@pytest.mark.parametrize(
    ("cause", "who", "broken", "undone"),
    [
        (
            "runtime",
            "observer-api",
            "mv /usr/bin/node /usr/bin/node.away",
            "mv /usr/bin/node.away /usr/bin/node",
        ),
        (
            "version",
            "observer-api",
            "mv /usr/bin/node /usr/bin/node.away; printf '#!/bin/sh\\n[ $1 = --version ] && echo v99' "
            "> /usr/bin/node; chmod 0755 /usr/bin/node",
            "mv /usr/bin/node.away /usr/bin/node",
        ),
        (
            "user",
            "observer-api",
            "sed -i s/^deploy:/deployx:/ /etc/passwd",
            "sed -i s/^deployx:/deploy:/ /etc/passwd",
        ),
        (
            "programs-missing",
            "observer-api",
            "mv /usr/local/lib/quantlab/probe.py /root/",
            "mv /root/probe.py /usr/local/lib/quantlab/",
        ),
        (
            "env-gone",
            "a restart of the host would not bring all back",
            "mv /etc/quantlab/labeld.env /root/",
            "mv /root/labeld.env /etc/quantlab/",
        ),
        (
            "release",
            DEPLOY,
            "mv $(dirname $(readlink /home/deploy/quantlab-backend))/files /root/",
            "mv /root/files $(dirname $(readlink /home/deploy/quantlab-backend))/",
        ),
        (
            "folder",
            DEPLOY,
            "mv -T /home/deploy/quantlab-backend /root/link; mkdir /home/deploy/quantlab-backend",
            "rmdir /home/deploy/quantlab-backend; mv -T /root/link /home/deploy/quantlab-backend",
        ),
        (
            "read-only",
            DEPLOY,
            "mount --bind /opt /opt; mount -o remount,bind,ro /opt",
            "umount -l /opt",  # those who run hold it
        ),
        (
            "nothing",
            "QuantLab is not here",
            "mount -t tmpfs -o size=500m none /opt/quantlab/releases",
            "umount /opt/quantlab/releases",
        ),
        (
            "no-python",
            "QuantLab is not here, or cannot run",
            "mv /usr/bin/python3 /usr/bin/python3.away",
            "mv /usr/bin/python3.away /usr/bin/python3",
        ),
    ],
)
def test_what_is_lost(host: Machine, cause: str, who: str, broken: str, undone: str) -> None:
    unit = "quantlab-observer"  # who is ill is waited for: where nobody has to be, nobody is
    fall, rise = f"systemctl restart --no-block {unit}; sleep 2", f"systemctl reset-failed {unit}"
    fall, rise = (fall, f"{rise}; systemctl restart {unit}") if who == "observer-api" else ("true", "true")
    try:
        host.sh(f"{broken}; {fall}")
        findings = examined(host)
    finally:
        host.sh(f"{undone}; {rise}")
    assert who in causes(findings)[cause]
    if cause == "nothing":
        assert "500 MB free under /opt" in evidence(findings, "disk-low")


def test_dependencies_that_are_gone_are_built_anew(host: Machine) -> None:
    host.sh(f"""
        rm -r /home/deploy/quantlab-backend/collector/.venv
        {edit("replayd", "S3_COMPACT_ENDPOINT", "http://127.0.0.1:9")}
        systemctl restart --no-block quantlab-collector; sleep 1
        systemctl restart --no-block quantlab-replayd; sleep 2""")
    findings = examined(host)
    assert causes(findings) == {"dependencies": ["collector"], "s3-unreachable": ["replayd"]}
    mend(host, findings)
    assert examined(host) == []


def test_a_run_under_way_is_no_fault_of_the_services(host: Machine, branch: Branch) -> None:
    changed = branch("under-way", {"services/labeld/package.json": '{"scripts": {"start": "exit 3"}}'})
    disturbed("Start labeld", signal.SIGKILL, REV=changed, REVERT_AFTER="15")
    findings = examined(host)
    assert " of release " in evidence(findings, "under-way")
    assert "locked" in causes(findings)
    assert "wait, or type `make unlock` if that run is surely gone" in str(findings)
    assert settled(host).whole
    host.sh("rm -f /var/lib/quantlab/lock.json")
    assert deploy().code == 0  # its timers are those of REVERT_AFTER=15 still
    assert examined(host) == []


def test_a_host_that_cannot_be_asked(host: Machine, lab_json: Callable[[dict[str, object]], None]) -> None:
    rule, kept = "/etc/sudoers.d/admin", "/root/sudoers.kept"
    back = f"systemd-run --on-active=8s --timer-property=AccuracySec=100ms mv {kept} {rule}"
    host.sh(f"{back}; mv {rule} {kept}")
    (finding,) = examined(host)
    assert finding["cause"] == "sudo"
    time.sleep(8)
    host.sh("true")
    lab_json({"hosts": [{"name": host.name, "address": host.address.rsplit(".", 1)[0] + ".250"}]})
    (finding,) = examined(host)
    assert finding["cause"] == "unreachable"
