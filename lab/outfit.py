"""What a lab has besides its hosts: keys, secrets, certificates, git and S3."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from lab import keys, publish, seed, services, state, vault
from lab.owner import Owner
from lab.settings import BUCKETS, GIT_PORT, S3_PORT, SSH_USER, Settings, address, gateway

# Debian's place for certificates that an administrator has added.
_CERTIFICATES = Path("/usr/local/share/ca-certificates")


def prepare(settings: Settings, user: Owner, subnet: IPv4Network, names: Sequence[str]) -> state.Lab:
    """Make what is missing and start what does not run; return the lab as it will be."""
    user.folder(settings.files)
    keys.client_key(settings, user)
    known_hosts = settings.files / "known_hosts"
    user.write(known_hosts, keys.known_hosts(settings, subnet, names))
    credentials = vault.ensure(settings, user)
    publish.publish(settings, user)
    seed.load(settings, user)
    services.start_git(settings, user, gateway(subnet))
    services.start_s3(settings, user, gateway(subnet), credentials)
    return state.Lab(
        name=settings.name,
        gateway=str(gateway(subnet)),
        subnet=str(subnet),
        git=f"git://{gateway(subnet)}:{GIT_PORT}/{settings.repository.name}",
        s3=f"http://{gateway(subnet)}:{S3_PORT}",
        s3_buckets=BUCKETS,
        ssh_user=SSH_USER,
        ssh_key=str(settings.files / "id_ed25519"),
        known_hosts=str(known_hosts),
        ca_certificates=_certificates(settings, user),
        secrets=str(settings.files / "secrets.age"),
        identity=str(settings.files / "age-identity"),
        hosts=tuple(state.Host(name, str(address(subnet, settings.host_number(name)))) for name in names),
    )


def _certificates(settings: Settings, user: Owner) -> tuple[str, ...]:
    """Copies of the authorities that this machine trusts beyond Debian's.

    Hosts do not trust them by themselves: installing them is a setting of the deploy.
    """
    copies = []
    for certificate in sorted(_CERTIFICATES.glob("*.crt")):
        copy = settings.files / "ca" / certificate.name
        user.write(copy, certificate.read_bytes())
        copies.append(str(copy))
    return tuple(copies)
