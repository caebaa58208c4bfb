"""What a host's files should be: every env file and unit, rendered from the catalogue. Pure."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError, TemplateNotFound, UndefinedError

from stack import firewall, reach
from stack.catalogue import Program, Service
from stack.envfile import Marks, Secret
from stack.errors import Refused
from stack.site import ROOT, Host, Site
from stack.templates import TEMPLATES

SHARED = "/opt/quantlab/shared"
UNITS = "/etc/systemd/system"


@dataclass(frozen=True)
class File:
    """A file that a release puts on a host; `content` may be secret and is never shown."""

    content: str
    mode: int
    owner: str = "root"
    group: str = "root"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    def __repr__(self) -> str:  # tracebacks print reprs, and reprs of env files would print secrets
        return f"File({self.owner}:{self.group} {self.mode:04o}, {len(self.content)} characters)"


def probe_arguments(service: Service, kept: Collection[str] = ()) -> str:
    """The health probe as arguments of host/probe.py; a token is named, never given. `kept` are the files of
    the service's credentials."""
    if http := service.health.http:
        auth, file = f" --auth {http.auth}" if http.auth else "", f"{credentials(service)}{http.auth}"
        auth = f" --auth-file {file}" if file in kept else auth
        return f"http --port {service.port} --path {http.path} --status {http.status}{auth}"
    if service.health.tcp:
        return f"tcp --port {service.port}"
    return f"stable --seconds {service.health.stable:g}"


def command(site: Site, program: Program) -> str:
    """ExecStart: the catalogue's start command with its first word made absolute."""
    word, _, rest = program.start.partition(" ")
    place = {
        "node": "/usr/bin/node",
        "npm": "/usr/bin/npm",
        "python3": f"{site.catalogue.code}/{program.build}/.venv/bin/python3",
    }.get(word)
    if place is None:
        raise Refused(
            f"catalogue: service {program.name}: start: begins with {word}, not node, npm or python3"
        )
    return f"{place} {rest}".rstrip()


def credentials(program: Program) -> str:
    """How the paths of a program's credentials begin; the variable's name follows."""
    return f"/etc/quantlab/credentials/{program.unit}."


class Renderer:
    """Renders all files of one host."""

    def __init__(self, site: Site, host: Host, secrets: Mapping[str, str]) -> None:
        self.site, self.host = site, host
        self.secrets = {name: Secret(value) for name, value in secrets.items()}

    @functools.cached_property
    def clients(self) -> dict[str, list[Host]]:
        """The other hosts that call a service of this one, by the service's name."""
        return reach.clients(self.site, self.host)

    def url(self, name: str) -> str:
        """Where this host reaches the service called `name`."""
        service = next((s for s in self.site.catalogue.services if s.name == name), None)
        if service is None or service.port is None:
            raise Refused(f"no service with a port is named {name}")
        home = self.site.host_of(service, self.host)
        return f"http://{'127.0.0.1' if home == self.host else home.address}:{service.port}"

    def listen(self, program: Program) -> str:
        """Loopback, unless another host calls it: then all, for local callers keep to loopback."""
        called = program.name in self.clients
        return "0.0.0.0" if called else self.site.settings.listen  # noqa: S104 (the firewall narrows it)

    def context(self, program: Program | None) -> dict[str, Any]:
        return {
            "catalogue": self.site.catalogue,
            "settings": self.site.settings,
            "secret": self.secrets,
            "service": program,
            "listen": self.listen(program) if program else self.site.settings.listen,
            "url": self.url,
        }

    def env(self, template: str, program: Program | None) -> tuple[str, dict[str, str]]:
        """Render one env file; with it the secrets that it cannot carry, by variable. Raises Refused naming
        the template and every variable at fault."""
        marks = Marks(program.unit if program else None)
        text = self._render(f"env/{template}", {**self.context(program), "marks": marks})
        return marks.fill(text, f"templates/env/{template}"), marks.credentials

    def _render(self, template: str, context: dict[str, Any]) -> str:
        try:
            return TEMPLATES.get_template(template).render(context)
        except TemplateNotFound as error:
            lost = self._veiled(str(error.name))
            raise Refused(f"templates/{template}: there is no {lost}: write it") from None
        except UndefinedError as error:
            raise Refused(f"templates/{template}: {self._veiled(str(error))}") from None
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            said = f"{type(error).__name__}: {self._veiled(str(error))}"
            raise Refused(f"templates/{template}: {said}") from None

    def _veiled(self, text: str) -> str:
        """What an error says, without the secrets that it may quote."""
        for name, value in self.secrets.items():
            text = text.replace(str(value), f"[{name}]").replace(repr(value)[1:-1], f"[{name}]")
        return text

    def unit(self, template: str, program: Program | None, **more: Any) -> File:
        context = {"catalogue": self.site.catalogue, "service": program, **more}
        if program:
            shared = {item: f"{SHARED}/{item.path}" for item in program.shared}
            context |= {
                "home": self.site.catalogue.code.rsplit("/", 1)[0],
                "reads": [path for item, path in shared.items() if not item.write],
                "writes": [*(path for item, path in shared.items() if item.write), *program.writes],
                "peers": reach.peers(self.site, self.host, program, self.clients),
            }
        return File(self._render(f"units/{template}", context), 0o644)

    def host_units(self) -> dict[str, File]:
        """What guards the releases on the host and outlives each of them: dead-man switch, boot, rollback."""
        found = {}
        for path in sorted((ROOT / "templates/host").glob("*.j2")):
            text = self._render(
                f"host/{path.name}", {"settings": self.site.settings, "catalogue": self.site.catalogue}
            )
            unit = path.suffixes[0] in (".service", ".timer")
            place = f"{UNITS if unit else '/usr/local/sbin'}/{path.stem}"
            found[place] = File(text, 0o644 if unit else 0o755)
        return found

    def unsendable(self) -> list[str]:
        """Tokens that no HTTP client could send: everybody who needs one would fail, the probe first."""
        probes = [service.health.http for service in self.site.catalogue.services if service.health.http]
        names = dict.fromkeys(probe.auth for probe in probes if probe.auth)
        values = {name: self.secrets.get(name, "") for name in names}
        bad = [name for name, value in values.items() if not (value.isascii() and value.isprintable())]
        return [f"secrets: {name}: an HTTP header carries printable ASCII alone" for name in bad]

    def env_files(self) -> dict[str, File]:
        """Every file that holds settings: env files, credentials, the core's dotenv."""
        site, catalogue = self.site, self.site.catalogue
        files: dict[str, File] = {}
        reasons = self.unsendable()
        for program in (*site.services_on(self.host), *site.timers_on(self.host)):
            try:
                text, kept = self.env(f"{program.env_file}.j2", program)
            except Refused as refused:
                reasons += refused.reasons
                continue
            files[f"/etc/quantlab/{program.env_file}"] = File(text, 0o600)
            files |= {f"{credentials(program)}{name}": File(value, 0o600) for name, value in kept.items()}
        try:
            dotenv, _ = self.env(catalogue.dotenv.template, None)
            files[f"{catalogue.code}/{catalogue.dotenv.path}"] = File(dotenv, 0o640, group=catalogue.user)
        except Refused as refused:
            reasons += refused.reasons
        if reasons:
            raise Refused(*reasons)
        return files

    def firewall(self) -> dict[str, File]:
        """The rules and the unit that loads them; nothing where the settings switch it off."""
        if not self.site.settings.firewall.enabled:
            return {}
        told = {
            "open": firewall.opened(self.site, self.host),
            "doors": firewall.doors(self.site, self.host, self.clients),
        }
        return {
            firewall.RULES: File(self._render("firewall.nft.j2", told), 0o600),
            f"{UNITS}/{firewall.UNIT}": self.unit("firewall.j2", None),
        }

    def files(self) -> dict[str, File]:
        """Every file of the release by its absolute path; `core/.env` below {code}."""
        site, catalogue = self.site, self.site.catalogue
        files = self.env_files() | self.firewall()
        files[f"{UNITS}/quantlab.target"] = self.unit("target.j2", None)
        previous: Service | None = None
        services, timers = site.services_on(self.host), site.timers_on(self.host)
        kept = {p.name: [f for f in files if f.startswith(credentials(p))] for p in (*services, *timers)}
        for service in services:
            files[f"{UNITS}/{service.unit}.service"] = self.unit(
                "service.j2",
                service,
                previous=previous,
                command=command(site, service),
                probe=probe_arguments(service, kept[service.name]),
                credentials=kept[service.name],
            )
            previous = service
        for timer in timers:
            files[f"{UNITS}/{timer.unit}.service"] = self.unit("job.j2", timer, credentials=kept[timer.name])
            files[f"{UNITS}/{timer.unit}.timer"] = self.unit("timer.j2", timer)
        logs = [timer.log for timer in timers]
        logs += [f"{SHARED}/{item.path}" for item in catalogue.shared if item.kind == "file"]
        rotate = self._render("logrotate.j2", {"catalogue": catalogue, "logs": logs})
        files["/etc/logrotate.d/quantlab"] = File(rotate, 0o644)
        return files
