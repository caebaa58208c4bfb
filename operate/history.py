"""`make history`: every deploy, rollback and refusal of a host, oldest first."""

from typing import Any

from operate.hosts import ask, verb
from operate.table import as_json, complain, number, print_json


def show() -> int:
    """Print the newest COUNT entries (default 20) of each host."""
    count = number("COUNT", 20)
    answers = ask(lambda _: verb("history", count=count))
    entries = {name: answer.json()["entries"] for name, answer in answers.items() if not answer.error}
    if as_json():
        print_json(entries)
    for name, lines in {} if as_json() else entries.items():
        print(f"{name}:" if lines else f"{name}: nothing yet")
        for line in lines:
            print("\n".join(f"  {text}" for text in described(line)))
    return complain(answers)


def described(entry: dict[str, Any]) -> list[str]:
    """One entry for eyes: what and how it ended, then what it brought and what it cost."""
    took = f" in {entry['seconds']} s" if entry.get("seconds") is not None else ""
    head = f"{entry['at']}  {entry['kind']} by {entry['by']}: {entry['outcome']}{took}"
    lines = [head]
    if entry.get("to"):
        lines.append(f"    {entry['from'] or 'nothing'} -> {entry['to']}")
    if entry.get("why"):
        lines.append(f"    why: {entry['why']}")
    if entry["outcome"] != "good":
        lines.append(f"    live then: {entry['live'] or 'nothing'}")
    lines += [f"    {subject}" for subject in entry.get("subjects", [])]
    if healthy := entry.get("healthy"):
        lines.append("    healthy after: " + ", ".join(f"{name} {s} s" for name, s in healthy.items()))
    return lines
