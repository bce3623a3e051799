import { appliance } from '../base/appliance.ts';

const mebibyte = 1024 * 1024;

/** The router of an account's network. */
export const router = appliance({
  role: 'router',
  about: 'DHCP, DNS, NAT, packet filter and load balancers of a network',
  packages: ['dnsmasq-base', 'dnsmasq-utils', 'haproxy', 'ipset', 'iputils-arping', 'nftables', 'traceroute'],
  accounts: [
    { name: 'dnsmasq', id: 100, home: '/nonexistent', group: 'nogroup' },
    { name: 'haproxy', id: 101, home: '/nonexistent' },
  ],
  requirements: { cpus: 1, memoryBytes: 256 * mebibyte },
  modules: ['net/xfrm/', 'esp4', 'esp6', 'ah4', 'xfrm4_tunnel', 'wireguard', 'vrf', 'vxlan', 'ip_gre', 'net/sched/'],
  stateMebibytes: 512,
  service: { entry: 'services/agent/src/appliance/main.ts', snapshot: true },
  programs: [
    '/usr/bin/arping',
    '/usr/sbin/conntrack',
    '/usr/sbin/dnsmasq',
    '/usr/bin/dhcp_release',
    '/usr/sbin/haproxy',
    '/usr/sbin/ip6tables-restore',
    '/usr/sbin/ipset',
    '/usr/sbin/iptables-restore',
    '/usr/sbin/nft',
    '/usr/bin/ping',
    '/usr/sbin/sysctl',
    '/usr/bin/traceroute.db',
  ],
});
