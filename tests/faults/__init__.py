"""Faults caused at every step of a deploy and a rollback: `make faults`, on demand."""
