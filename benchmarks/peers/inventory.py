"""The hosts of the benchmark for plain pyinfra, from the file that BENCH names."""

import json
import os
from pathlib import Path

hosts = [(host["name"], host["data"]) for host in json.loads(Path(os.environ["BENCH"]).read_text())]
