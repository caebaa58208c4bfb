"""The table: what somebody notices, and what may be the cause, in the order in which it is looked for.

A new cause is one line here and a small probe that returns evidence or None. docs/doctor.md is made of it.
"""

from doctor import data, files, machine, neighbours, units
from doctor.kinds import Cause, Symptom
from doctor.neighbours import storage
from doctor.observed import Observed, Program

DEPLOY = "make deploy"
START = "make start SERVICE={service}"
REBUILD = "sudo rm -f {manifest}; make deploy"  # without it a release is unfinished, and is built anew
INSTALL = "sudo apt-get install -y --reinstall {package}"
SETTING = "correct `s3` in the settings of the environment; make deploy"
RELOAD = "sudo systemctl daemon-reload"
HOGS = "ps -eo rss,pid,args --sort -rss | head"
ML = "make ml SYMBOL={symbol} DATE={day}; sudo systemctl reset-failed {unit}"


def s3(bucket: str = "S3_COMPACT_BUCKET") -> tuple[Cause, ...]:
    """Each needs the ones before it."""
    rows = (
        ("dns", "a name does not resolve", f"mend /etc/resolv.conf, or {SETTING}"),
        ("s3-unreachable", "S3 cannot be reached", f"see that it runs and lets this host in, or {SETTING}"),
        ("s3-tls", "S3's certificate is not trusted", "add its authority to `ca_certificates`; make deploy"),
        ("clock", "this host's clock is off", "sudo systemctl restart systemd-timesyncd"),
        ("s3-credentials", "S3 refuses the credentials", "correct them in the secrets file; make deploy"),
        ("s3-bucket", "there is no such bucket", f"create it, or {SETTING}"),
    )
    return tuple(Cause(name, means, mend, storage(name, bucket)) for name, means, mend in rows)


ENV = (
    Cause("env-missing", "the env file is missing", DEPLOY, files.env_missing),
    Cause("env-unreadable", "the env file cannot be read", DEPLOY, files.env_unreadable),
    Cause("variable", "a variable is missing or empty", DEPLOY, files.variable_missing),
)
BUILT = (
    Cause("runtime", "node, npm or python is missing", INSTALL, files.no_runtime),
    Cause("dependencies", "its dependencies are gone", REBUILD, files.no_dependencies),
)
RELEASE = (
    Cause("release", "the live release is not whole", REBUILD, files.lost),
    Cause("link", "the link to the code is gone", DEPLOY, files.link_lost),
    Cause(
        "folder",
        "a folder is where the link belongs",
        f"sudo mv {{code}} {{code}}.away; {DEPLOY}",
        files.folder,
    ),
)
DISK = (
    Cause("disk", "a disk is full", "sudo du -xhd1 {path}", machine.disk_full),
    Cause("inodes", "a file system has no inodes left", "sudo du -xd1 --inodes {path}", machine.no_inodes),
)
MEMORY = Cause("memory", "memory is short", HOGS, machine.memory_short)
UNDER_WAY = Cause("under-way", "a run is under way", "make history", units.under_way)
EDITED = Cause("edited", "variables were changed by hand", DEPLOY, files.variable_edited)

SERVICE = (
    UNDER_WAY,
    Cause("user", "its user is gone", DEPLOY, files.no_user),
    *RELEASE,
    Cause("masked", "the unit is masked", "sudo systemctl unmask {unit}; make deploy", units.masked),
    Cause("unit-missing", "the unit is gone", DEPLOY, units.missing),
    # What would keep it from starting, even if it was only stopped.
    Cause("programs-missing", "host programs are gone", DEPLOY, files.programs_missing),
    *BUILT,
    *ENV,
    *DISK,
    Cause("not-writable", "it cannot write where it must", DEPLOY, files.not_writable),
    Cause("port", "its port is taken", f"{{stop}}; {START}", neighbours.port_held),
    Cause("code", "its code was changed by hand", f"{{reset}}; {START}", files.damaged),
    Cause("drop-in", "drop-ins override the unit", f"sudo rm {{files}}; {RELOAD}; {START}", units.override),
    Cause("unit", "the unit was changed by hand", DEPLOY, units.edited),
    Cause("queued", "it waits for its turn to start", "mend that first", units.queued),
    Cause("stopped", "it was stopped, and not started again", START, units.stopped),
    # What keeps it from being healthy.
    Cause("need", "what it needs is down", "mend that first", neighbours.need_down),
    *s3(),
    Cause("token", "a token is refused", "make restart SERVICE={server}", neighbours.token_refused),
    MEMORY,
    EDITED,
    Cause("version", "node or python is not what it was built with", REBUILD, files.other_runtime),
    Cause("start-limit", "systemd has given it up", START, units.start_limit),
    Cause("failed", "no cause is known; it says itself", "sudo journalctl -u {unit} -n 50", units.failed),
)
COLLECTOR = (
    *s3(),
    *DISK,
    Cause("upload", "S3 can be listed, but not written to", "make collector", data.refused),
    Cause("s3-slow", "S3 takes data too slowly", "make collector", data.slow),
)
JOB = (
    *ENV,
    *BUILT,
    *DISK,
    *s3(),
    Cause("no-day", "there is no data of the day", ML, data.day_missing),
    EDITED,
    Cause("job", "no cause is known; it says itself", ML, data.job_failed),
)
HOST = (
    UNDER_WAY,
    Cause("locked", "the host is locked", "make unlock", units.locked),
    Cause("read-only", "/opt cannot be written to", "sudo mount -o remount,rw {place}", machine.read_only),
    Cause("disk-low", "too little disk is free", "sudo du -xhd1 /opt/quantlab", machine.disk_low),
    *DISK,
    MEMORY,
    *RELEASE,
    *s3(),
    Cause(
        "git",
        "the code's remote cannot be read",
        "let this host reach it, or correct `repository`",
        neighbours.git,
    ),
)


def ailing(seen: Observed) -> list[Program]:
    return [program for program in seen.services if program.name in seen.ill]


def archiving(seen: Observed) -> list[Program]:
    return [one for one in seen.services if seen.env(one).get("RUN_ARCHIVE_ENABLED") == "true"]


def the_host(seen: Observed) -> list[None]:
    return [None]


NOTHING = Cause("nothing", "nothing was ever deployed here", DEPLOY, files.nothing)
NO_DATA = Cause("no-data", "there is no data", "make collector", data.no_data)
DISABLED = Cause("disabled", "units are not enabled, or cannot be loaded", DEPLOY, units.disabled)
GONE = Cause("env-gone", "env files of what runs are missing", DEPLOY, files.env_gone)
OLD = Cause("programs-old", "the host programs are not this checkout's", DEPLOY, files.programs_old)

SYMPTOMS = (
    Symptom("deployed", "QuantLab is not here", the_host, (NOTHING,)),
    Symptom("service", "does not start, or is unhealthy", ailing, SERVICE),
    Symptom("replay", "returns no data", data.replaying, (*s3(), NO_DATA)),
    Symptom("collector", "does not write", data.collecting, COLLECTOR),
    Symptom("archive", "does not archive runs", archiving, s3("RUN_ARCHIVE_S3_BUCKET")),
    Symptom("ml", "failed when it last ran", data.failed_jobs, JOB),
    Symptom("boot", "a restart of the host would not bring all back", the_host, (DISABLED, GONE)),
    Symptom("commands", "commands of this checkout may fail", the_host, (OLD,)),
    Symptom("deploy", "a deploy would not succeed", the_host, HOST, every=True),
)
CAUSES = {cause.name: cause for symptom in SYMPTOMS for cause in symptom.causes}
