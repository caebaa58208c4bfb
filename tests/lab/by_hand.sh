#!/bin/sh
# Turns a deployed host into what a careful hand would have made of it: one plain checkout, short units,
# world-readable env files, runs inside the tree, one service that the catalogue has not.
set -eu
units=/etc/systemd/system
code=/home/deploy/quantlab-backend
ours() {
    systemctl list-unit-files 'quantlab-*.service' --plain --no-legend | cut -d' ' -f1 | grep -v -e ml -e boot -e deadman -e firewall
}
unit() { # unit FILE LINE …
    file=$1
    shift
    printf '%s\n' '[Service]' User=deploy "$@" '[Install]' WantedBy=multi-user.target >"$file"
}

live=$(readlink "$code")
systemctl disable --now quantlab.target quantlab-ml.timer quantlab-firewall.service $(ours)
rm "$code"
cp -a "$live" "$code"
cd "$code"
for path in services/strategyd/runs core/job-worker/queue; do
    rm "$path"
    cp -a "/opt/quantlab/shared/$path" "$path"
done
rm core/observer-api/server.log
touch core/observer-api/server.log
chown deploy: core/observer-api/server.log
echo '{"id": "kept", "status": "done"}' >services/strategyd/runs/kept.json
chmod 0644 /etc/quantlab/*.env
echo HELLO=by-hand >>/etc/quantlab/labeld.env
for name in $(ours); do
    unit "$units/$name.new" $(grep -e '^WorkingDirectory=' -e '^EnvironmentFile=' "$units/$name") \
        "$(grep '^ExecStart=' "$units/$name")"
    mv "$units/$name.new" "$units/$name"
done
unit "$units/quantlab-extra.service" 'ExecStart=/usr/bin/sleep infinity'

systemctl disable quantlab-early-boot quantlab-late-boot
rm -rf "$units/quantlab.target" "$units"/quantlab-ml.* "$units"/quantlab-*-boot.service "$units"/quantlab-deadman.*
rm -rf "$units/quantlab-firewall.service" /etc/quantlab/firewall.nft /etc/quantlab/credentials
rm -rf /opt/quantlab/releases /opt/quantlab/mirror.git /opt/quantlab/shared /var/lib/quantlab
rm -rf /usr/local/lib/quantlab /usr/local/sbin/quantlab-rollback /etc/logrotate.d/quantlab
systemctl daemon-reload
systemctl enable --now $(ours)
