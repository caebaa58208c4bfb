"""Settings of production. Every key is described in docs/settings.md; unknown keys are refused."""

from pathlib import Path as _Path

# Where the hosts fetch the code, and what is deployed when no REV= is given.
repository = "https://git.example.com/quantlab/quantlab-backend.git"
branch = "main"

s3 = {
    "endpoint": "https://s3.example.com",
    "region": "eu-central-1",
    "compact_bucket": "quantlab-compact",
    "archive_bucket": "quantlab-runs",
    "archive_enabled": True,
}

# An age file with exactly the names under `secrets:` in the catalogue, and the key that opens it.
secrets = _Path("secrets/production.age")
identity = _Path("~/.config/quantlab/identity")

# For hosts behind a proxy. Leave out what does not apply.
network = {
    "proxy": "http://proxy.example.com:3128",
    "no_proxy": "localhost,127.0.0.1,.example.com",
    # "apt_sources": _Path("group_data/mirror.sources").read_text(),
    # "npm_registry": "https://npm.example.com/",
    # "pip_index": "https://pypi.example.com/simple",
    # "ca_certificates": (_Path("group_data/company-ca.crt"),),
}
