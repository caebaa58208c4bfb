"""Disposable real hosts on this machine: systemd, sshd, and the git and S3 that they talk to.

Nothing in here is needed in production. `python -m lab up` starts it, `lab.state.read` finds it.
"""
