"""Asks S3 one question, as a service would with the same settings, and says what is wrong with the answer."""

import functools
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

SKEW = 300  # seconds off; S3 refuses what is signed with a clock that is 900 off
TIMEOUT = 5
EMPTY = hashlib.sha256(b"").hexdigest()
Verdict = tuple[str, str]  # the cause, the evidence


@dataclass(frozen=True)
class Target:
    """Where a program's market data or runs are, by its own settings."""

    endpoint: str
    bucket: str
    region: str
    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Reply:
    status: int
    body: str
    skew: float  # of this host's clock against the answer's

    @property
    def code(self) -> str:
        found = re.search(r"<Code>([^<]*)</Code>", self.body)
        return found[1] if found else ""


def target(env: Mapping[str, str], bucket: str = "S3_COMPACT_BUCKET") -> Target | None:
    """What a program's variables say; None for a program that has nothing to do with S3."""
    if not env.get("S3_COMPACT_ENDPOINT") or not env.get(bucket):
        return None
    region = env.get("AWS_REGION") or "us-east-1"
    key, secret = env.get("AWS_ACCESS_KEY_ID", ""), env.get("AWS_SECRET_ACCESS_KEY", "")
    return Target(env["S3_COMPACT_ENDPOINT"], env[bucket], region, key, secret)


def signed(target: Target, host: str, path: str, query: str, now: float) -> dict[str, str]:
    """The headers of a GET, signed with AWS's Signature Version 4."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    scope = f"{stamp[:8]}/{target.region}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    request = "\n".join(["GET", path, query, *lines, "", names, EMPTY])
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{target.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    who = f"Credential={target.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers | {"Authorization": f"AWS4-HMAC-SHA256 {who}"}


def ask(target: Target, query: Mapping[str, str]) -> Reply:
    """GET the bucket with a query. Raises OSError, HTTPException or ValueError."""
    url = urlsplit(target.endpoint)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    path = f"{url.path.rstrip('/')}/{quote(target.bucket, safe='')}"
    search = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items()))
    now = time.time()
    connection = kind(url.hostname or "", url.port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"{path}?{search}", headers=signed(target, url.netloc, path, search, now))
        answer = connection.getresponse()
        body = answer.read(5_000_000).decode(errors="replace")
        date = answer.getheader("Date")
    finally:
        connection.close()
    skew = time.time() - parsedate_to_datetime(date).timestamp() if date else 0
    return Reply(answer.status, body, skew)


@functools.cache
def verdict(target: Target) -> Verdict | None:
    """What keeps these settings from reaching their bucket: the first of a chain, each link needing the
    one before; None when it can be listed."""
    url = urlsplit(target.endpoint)
    where = f"{target.endpoint} (S3_COMPACT_ENDPOINT)"
    try:
        socket.getaddrinfo(url.hostname, url.port or url.scheme)
        reply = ask(target, {"list-type": "2", "max-keys": "1", "delimiter": "/"})
        if reply.status >= 500:  # it may have been busy
            time.sleep(1)
            reply = ask(target, {"list-type": "2", "max-keys": "1", "delimiter": "/"})
    except socket.gaierror as error:
        return "dns", f"{url.hostname} does not resolve: {error.strerror}"
    except ssl.SSLCertVerificationError as error:
        return "s3-tls", f"{where}: {error.verify_message}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return "s3-unreachable", f"{where}: {error or type(error).__name__}"
    return judged(target, reply)


def judged(target: Target, reply: Reply) -> Verdict | None:
    """What an answer says of our settings."""
    if abs(reply.skew) > SKEW or reply.code == "RequestTimeTooSkewed":
        ahead = "ahead of" if reply.skew > 0 else "behind"
        return "clock", f"the clock is {abs(reply.skew):.0f} s {ahead} that of {target.endpoint}"
    if reply.code == "NoSuchBucket":
        return "s3-bucket", f"{target.endpoint} has no bucket {target.bucket}"
    if reply.status in (400, 401, 403):
        return "s3-credentials", f"{target.endpoint} answers {reply.status} {reply.code} for {target.bucket}"
    if reply.status != 200 or "<ListBucketResult" not in reply.body:
        return "s3-unreachable", f"{target.endpoint} answers {reply.status} {reply.code}, not as S3 does"
    return None


def folders(target: Target, prefix: str) -> list[str]:
    """The names directly under a prefix, without the `name=` that each begins with; raises as `ask` does."""
    found: list[str] = []
    query = {"list-type": "2", "delimiter": "/", "prefix": prefix}
    while True:
        reply = ask(target, query)
        if reply.status != 200:
            raise OSError(f"S3 answers {reply.status} {reply.code}")
        parts = re.findall(r"<CommonPrefixes>.*?<Prefix>([^<]*)</Prefix>", reply.body, re.DOTALL)
        found += [part.rstrip("/").rpartition("=")[2] for part in parts]
        more = re.search(r"<NextContinuationToken>([^<]*)</NextContinuationToken>", reply.body)
        if not more:
            return found
        query["continuation-token"] = more[1]
