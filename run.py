"""Runs a deploy file through pyinfra, with exit codes that can be trusted.

pyinfra ends with 0 after Ctrl-C and when --limit matches no host; here: 0 all hosts done, 1 a host
failed or dropped out, 2 nothing was touched because something was refused, 130 interrupted.

It loads nothing of the project: inventory.py checks everything, in pyinfra's own process.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from stack.sudo import handed

ROOT = Path(__file__).resolve().parent
REFUSED = 2


def main(arguments: list[str]) -> int:
    # A shell's background job inherits SIGINT ignored; pyinfra heeds it all the same, and so must we.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    limit = os.environ.get("LIMIT")
    os.environ.setdefault("QUANTLAB_RUN", f"{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}")
    command = [sys.executable, "-m", "pyinfra", "-y", "inventory.py"]
    for word in limit.split(",") if limit else []:
        command += ["--limit", word]
    quiet = {} if sys.stderr.isatty() else {"PYINFRA_PROGRESS": "off"}
    # Nothing of ours reads standard input: what would ask there must fail, not wait.
    how: dict[str, Any] = {
        "cwd": ROOT,
        "stdin": subprocess.DEVNULL,
        "env": {**os.environ, **quiet},
        **handed(),
    }
    with subprocess.Popen([*command, *arguments], **how) as child:
        try:
            code = child.wait()
            return code if code in (0, REFUSED) else 1
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the way back is not to be interrupted, too
            child.wait()
    print("interrupted: hosts that were changed go back to where they were; wait", file=sys.stderr)
    how["env"] |= {"PLAN": ""}  # to go back, nothing has to be as it was planned
    subprocess.run([*command, "abort.py"], **how, start_new_session=True, check=False)
    print("interrupted; `make status` says what is live now", file=sys.stderr)
    return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
