"""What a host should be, apart from the code: packages, folders, programs, the files of its release."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass

from stack.catalogue import Service
from stack.errors import Refused
from stack.firewall import UNIT as FIREWALL
from stack.render import SHARED, UNITS, File, Renderer, credentials
from stack.settings import Network
from stack.site import ROOT, Host, Site
from stack.site import load as load_site

PROGRAMS = "/usr/local/lib/quantlab"
GUARDS = ("quantlab-early-boot.service", "quantlab-late-boot.service")  # enabled on every host
CERTIFICATES = "/usr/local/share/ca-certificates"
LOCAL = "@local"  # what pyinfra calls the machine that it runs on
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Desired:
    """One host's desired state. Paths are the host's; nothing here has been compared with it yet."""

    site: Site
    host: Host
    services: list[Service]
    files: dict[str, File]  # of the release
    programs: dict[str, File]  # ours, on the host
    trusted: dict[str, File]  # apt sources and certificates: needed before any package is
    directories: dict[str, File]
    logs: dict[str, File]
    links: dict[str, str]  # shared paths of the code tree, and where they are kept
    enabled: list[str]  # units, in start order

    @property
    def guard_units(self) -> list[str]:
        """Units that stay on the host whatever its release."""
        return [path.rsplit("/", 1)[1] for path in self.programs if path.startswith(UNITS)]

    @property
    def looked_at(self) -> list[str]:
        """Every path that the look must describe."""
        parts = (self.files, self.programs, self.trusted, self.directories, self.logs)
        return [path for part in parts for path in part]


def desired(site: Site, host: Host, secrets: dict[str, str]) -> Desired:
    """Render one host. Raises Refused with every reason."""
    catalogue, user = site.catalogue, site.catalogue.user
    services, timers = site.services_on(host), site.timers_on(host)
    directories = {"/etc/quantlab": File("", 0o755), "/opt/quantlab": File("", 0o755)}
    directories["/etc/quantlab/credentials"] = File("", 0o700)
    directories |= {path: File("", 0o750, user, user) for path in catalogue.data}
    directories["/var/lib/quantlab"] = File("", 0o700)
    links = {item.path: f"{SHARED}/{item.path}" for item in catalogue.shared}
    logs = {timer.log: File("", 0o640, user, "adm") for timer in timers}
    for item in catalogue.shared:
        if item.kind == "directory":
            directories[links[item.path]] = File("", 0o750, user, user)
        else:
            logs[links[item.path]] = File("", 0o640, user, "adm")
    renderer = Renderer(site, host, secrets)
    programs = {
        f"{PROGRAMS}/{path.name}": File(path.read_text(), 0o644)
        for path in sorted((ROOT / "host").glob("*.py"))
    }
    return Desired(
        site=site,
        host=host,
        services=services,
        files=renderer.files(),
        programs=programs | renderer.host_units(),
        trusted=trusted(site.settings.network),
        directories=directories,
        logs=logs,
        links=links,
        enabled=[
            *([FIREWALL] if site.settings.firewall.enabled else []),
            "quantlab.target",
            *(f"{service.unit}.service" for service in services),
            *(f"{timer.unit}.timer" for timer in timers),
        ],
    )


def trusted(network: Network) -> dict[str, File]:
    files: dict[str, File] = {}
    if network.apt_sources:
        files["/etc/apt/sources.list.d/quantlab.sources"] = File(network.apt_sources, 0o644)
    for path in network.ca_certificates:
        if not path.is_file():
            raise Refused(f"settings: network: ca_certificates: {path} is not there")
        files[f"{CERTIFICATES}/quantlab-{path.stem}.crt"] = File(path.read_text(), 0o644)
    return files


def download_env(network: Network) -> dict[str, str]:
    """What git, npm, pip and apt must know to reach the world from a host."""
    env: dict[str, str] = {}
    if network.proxy:
        for name in ("http_proxy", "https_proxy"):
            env |= {name: network.proxy, name.upper(): network.proxy}
        env |= {"no_proxy": network.no_proxy, "NO_PROXY": network.no_proxy}
    if network.npm_registry:
        env["NPM_CONFIG_REGISTRY"] = network.npm_registry
    if network.pip_index:
        env["PIP_INDEX_URL"] = network.pip_index
    if network.ca_certificates:
        env |= {"NODE_EXTRA_CA_CERTS": BUNDLE, "PIP_CERT": BUNDLE, "GIT_SSL_CAINFO": BUNDLE}
    return env


def digest(commit: str, files: dict[str, File]) -> str:
    """Names a release's content: the same digest, the same release."""
    lines = [f"{path} {f.sha256} {f.mode:o} {f.owner} {f.group}" for path, f in sorted(files.items())]
    return hashlib.sha256("\n".join([commit, *lines]).encode()).hexdigest()


def unit_files(service: Service, files: dict[str, File]) -> list[str]:
    """The files of a release that concern one service."""
    own = [f"/etc/quantlab/{service.env_file}", f"{UNITS}/{service.unit}.service"]
    return own + [path for path in files if path.startswith(credentials(service))]


@functools.cache
def load(environment: str | None = None) -> dict[str, Desired]:
    """Every host of an environment, rendered; raises Refused with all reasons before any is touched.

    On a host that deploys itself (QUANTLAB_SELF), that one alone."""
    site, itself = load_site(environment), os.environ.get("QUANTLAB_SELF")
    secrets, reasons, hosts = site.secrets(), [], {}
    for host in [site.host(itself)] if itself else site.hosts.values():
        try:
            hosts[LOCAL if itself else host.name] = desired(site, host, secrets)
        except Refused as refused:
            reasons += [r for r in refused.reasons if r not in reasons]
    if reasons:
        raise Refused(*reasons)
    return hosts
