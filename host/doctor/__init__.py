"""What is wrong with a host, and what mends it. Sent over stdin: it works where nothing of ours is."""
