"""Production: which hosts there are and the roles placed on them. Settings: group_data/production.py.

Each list is a role of the catalogue. A host may carry several roles; every role needs a host.
"""

_ssh = {
    "ssh_user": "admin",  # an ordinary user with sudo
    "ssh_known_hosts_file": "inventory/production.known_hosts",  # keys you checked; no other is accepted
    # "ssh_key": "~/.ssh/id_ed25519",  # without it, your agent and default keys are tried
    # "ssh_port": 22,
}

# `address` is where the *other hosts* reach its services; without it, `ssh_hostname` is used.
_feed = ("ql-feed-1", {**_ssh, "ssh_hostname": "ql-feed-1.example.com", "address": "192.0.2.11"})
_lab = (
    "ql-research-1",
    {**_ssh, "ssh_hostname": "ql-research-1.example.com", "address": "192.0.2.12"},
)

market = [_feed]
research = [_lab]
console = [_lab]
