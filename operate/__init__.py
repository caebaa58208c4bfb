"""What an operator asks of running hosts: one remote command per host, all hosts at once."""
