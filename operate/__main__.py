"""`python -m operate COMMAND`: what the Makefile's operator targets call.

Exit codes: 0 done; 1 a host failed or could not be reached; 2 refused, nothing was asked of any host;
130 interrupted. `ml` ends with the exit code of its job.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to end

from gevent import monkey  # noqa: E402

monkey.patch_all()  # before anything that opens a socket: hosts are asked at the same time

import sys  # noqa: E402

import gevent  # noqa: E402

from operate import control, doctor, drift, history, locks, logs, plan, pull, research, status  # noqa: E402
from operate.exits import ended  # noqa: E402

COMMANDS = {
    "collector": research.collector,
    "doctor": doctor.show,
    "drift": drift.show,
    "history": history.show,
    "lock": locks.lock,
    "logs": logs.show,
    "ml": research.ml,
    "plan": plan.show,
    "pull": pull.pull,
    "restart": lambda: control.control("restart"),
    "runs": research.runs,
    "start": lambda: control.control("start"),
    "status": status.show,
    "stop": lambda: control.control("stop"),
    "unlock": locks.unlock,
}


if __name__ == "__main__":
    # To the main greenlet, whichever runs: in another one the interrupt would be printed as its error.
    gevent.signal_handler(signal.SIGINT, gevent.kill, gevent.getcurrent(), KeyboardInterrupt)
    sys.exit(ended(COMMANDS[sys.argv[1]]))
