#!/bin/sh
# What makes a minimal Debian a cloud's minimal Debian: run by mmdebstrap, $1 is the new root.
set -eu
root=$1

chroot "$root" useradd --create-home --shell /bin/bash --groups sudo admin
install -d -m 0700 -o 1000 -g 1000 "$root/home/admin/.ssh"
printf 'admin ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/admin"
chmod 0440 "$root/etc/sudoers.d/admin"

cat >"$root/etc/ssh/sshd_config.d/cloud.conf" <<'EOF'
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
EOF

printf 'LANG=C.UTF-8\n' >"$root/etc/default/locale"
chroot "$root" systemctl --quiet enable systemd-networkd

# mmdebstrap numbers the file that it was given; operators look for the usual name.
mv "$root"/etc/apt/sources.list.d/*debian.sources "$root/etc/apt/sources.list.d/debian.sources"

# Every host gets its own of these when it is made.
rm "$root"/etc/ssh/ssh_host_*
rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
: >"$root/etc/machine-id"
