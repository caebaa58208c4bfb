"""What there is: on a host (one look) and in the git remote. Nothing here changes anything."""
