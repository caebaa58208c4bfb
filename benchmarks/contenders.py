"""Who is measured: this project, its peers, and the floors that nobody on the same connection can beat."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import revisions, scene
from benchmarks.scene import NAME, folder
from lab import ssh
from lab.state import Host
from stack.site import ROOT

PEERS = Path(__file__).with_name("peers")
VENV = ROOT / ".cache" / "bench"
CASES = ("fresh", "nothing", "env", "code", "rollback", "verify", "status")


@dataclass
class Side:
    """The hosts of one end state, and what is deployed to them."""

    name: str
    quiet: bool = False  # hardly anything comes in: many hosts share this machine
    value: int = 2  # of the setting that the case "env" changes
    before: str = ""  # the commit that was live before the last change of code
    environment: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Both sides begin with the same."""
        self.value = 2
        revisions.move(self.name, revisions.begin())
        self.describe()

    def describe(self) -> None:
        """Put what is to be deployed where the contenders find it."""
        told = {
            "LAB": NAME,
            "ENV": "bench",
            "REV": revisions.branch(self.name),
            "BENCH": str(folder() / f"{self.name}.json"),
            "BENCH_VALUE": str(self.value),
            "BENCH_RATE": "0.5" if self.quiet else "20",
            "PEERS": str(folder() / "files" / "vars.json"),
            "PYINFRA_PROGRESS": "off",
            "ANSIBLE_CONFIG": str(PEERS / "ansible.cfg"),
        }
        unset = ["LIMIT", "TO", "ADOPT", "REASON", "AGAINST", "HOSTS", "ONLY", "JSON", "COUNT"]
        unset += ["PYTHONDONTWRITEBYTECODE"]  # nobody's default: all of ours would be compiled in each run
        self.environment = {k: v for k, v in os.environ.items() if k not in unset} | told
        if self.name == "peers":
            place, clone = str(folder() / "files"), str(revisions.repository())
            render = [sys.executable, "-m", "benchmarks.render", place, revisions.branch(self.name), clone]
            subprocess.run(render, cwd=ROOT, env=self.environment, check=True)


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    side: str
    cases: tuple[str, ...]
    most: int = 50  # hosts

    @staticmethod
    def named(name: str) -> "Contender":
        return next(contender for contender in contenders() if contender.name == name)

    @property
    def deploys(self) -> bool:
        return "fresh" in self.cases

    def environment(self) -> dict[str, str]:
        """What makes mitogen's transport of the same playbook's."""
        if self.name != "mitogen":
            return {}
        place = next(VENV.glob("lib/python*/site-packages/ansible_mitogen/plugins/strategy"))
        return {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(place)}

    def command(self, case: str, size: int) -> list[str]:
        """What its operator types."""
        python, pyinfra = sys.executable, str(Path(sys.executable).with_name("pyinfra"))
        hosts = str(folder() / f"{self.side}.ansible.json")
        match self.name, case:
            case "ours", "verify":
                return [python, "-m", "pytest", "tests/verify", "-q", "-p", "no:cacheprovider"]
            case "ours", "status":
                return [python, "-m", "operate", "status"]
            case "ours", "rollback":
                return [python, "run.py", "rollback.py"]
            case "ours", _:
                return [python, "run.py", "deploy.py"]
            case "pyinfra", _:
                return [pyinfra, "-y", str(PEERS / "inventory.py"), str(PEERS / "deploy.py")]
            case "exec", _:
                return [pyinfra, "-y", str(PEERS / "inventory.py"), "exec", "--", "true"]
            case "ssh", _:
                return ["sh", "-c", " & ".join([*(shlex.join(words) for words in self.logins()), "wait"])]
        playbook = [str(VENV / "bin" / "ansible-playbook"), "-i", hosts, "-e", f"@{folder()}/files/vars.json"]
        return [*playbook, str(PEERS / "site.yml")]

    def logins(self) -> list[list[str]]:
        """Plain ssh to each host, by the same way as everybody's."""
        known = replace(scene.running(), known_hosts=str(folder() / f"{self.side}.known_hosts"))
        found = []
        for host in json.loads((folder() / f"{self.side}.json").read_text()):
            way = Host(host["name"], host["data"]["ssh_hostname"])
            program, *words = ssh.command(known, way, "true")
            found.append([program, "-p", str(host["data"]["ssh_port"]), *words])
        return found

    def changed(self, output: str) -> bool:
        """Whether a run says of itself that it has changed something."""
        if self.name in ("ansible", "mitogen"):
            return any(int(count) for count in re.findall(r"\bchanged=(\d+)", output))
        totals = re.search(r"Grand total +\S+ +(\S+)", output)  # operations, then those that did something
        return totals is None or totals[1] != "-"


def contenders() -> list[Contender]:
    deploys = ("fresh", "nothing", "env", "code", "rollback")
    return [
        Contender("ssh", "`ssh host true`", "ours", ("nothing",)),
        Contender("exec", "`pyinfra exec -- true`", "ours", ("nothing", "env")),
        Contender("ours", "this project", "ours", CASES),
        Contender("pyinfra", "plain pyinfra", "peers", deploys),
        Contender("mitogen", "ansible, mitogen", "peers", deploys, most=20),
        Contender("ansible", "ansible, pipelining", "peers", deploys, most=5),
    ]
