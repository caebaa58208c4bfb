#!/bin/sh
# Boots one host; run in a mount namespace of its own, so that its overlay goes when it goes.
#   boot.sh LAYERS(colon-separated) HOST-FOLDER CONTROL-GROUPS(space-separated) systemd-nspawn …
set -eu
layers=$1
host=$2
groups=$3
shift 3

# Each host needs its own control group, else their systemds take each other's services for theirs.
# A new one for every boot: the last boot's may hold settings that forbid processes in it.
for group in $groups; do
	if [ -d "$group" ]; then
		find "$group" -depth -type d -exec rmdir {} \;
	fi
	mkdir -p "$group"
	echo $$ >"$group/cgroup.procs"
done

# redirect_dir: a host may rename any of its folders, as on a real disk, also one of a lower layer.
options="lowerdir=$layers,upperdir=$host/upper,workdir=$host/work,redirect_dir=on"
mount -t overlay lab -o "$options" "$host/root"
exec "$@"
