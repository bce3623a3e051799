#!/bin/sh
# What udhcpc(8) calls at each event of an instance's DHCP client. It changes the network namespace that it runs in and two
# files of the instance's own, never a file of the host. Besides what udhcpc sets it reads ISTHMUS_LEASE (file that holds
# the leased address), ISTHMUS_RESOLV_CONF and ISTHMUS_METRIC (of the default route).
set -eu

configure() {
  if ! ip -4 -oneline address show dev "$interface" | grep -qF " $ip/$mask "; then
    ip -4 address flush dev "$interface"
    ip -4 address add "$ip/$mask" dev "$interface"
  fi
  [ -z "${mtu:-}" ] || ip link set dev "$interface" mtu "$mtu"
  for gateway in ${router:-}; do
    ip -4 route replace default via "$gateway" dev "$interface" metric "$ISTHMUS_METRIC"
    break
  done
  # In place, not by renaming: `ip netns exec` has mounted this very file over /etc/resolv.conf. A NIC that is not the
  # default one is told of no resolver, and leaves those of the other.
  [ -z "${dns:-}" ] || {
    [ -z "${domain:-}" ] || echo "search $domain"
    for server in $dns; do echo "nameserver $server"; done
  } >"$ISTHMUS_RESOLV_CONF"
  # Last, since it tells that all of the above is in force.
  echo "$ip" >"$ISTHMUS_LEASE.new"
  mv "$ISTHMUS_LEASE.new" "$ISTHMUS_LEASE"
}

case "$1" in
  deconfig)
    rm -f "$ISTHMUS_LEASE"
    ip -4 address flush dev "$interface"
    ip link set dev "$interface" up
    ;;
  bound | renew) configure ;;
esac
