// The systemd unit of the host agent.

/**
 * Capabilities of the host agent and of what it starts: devices, packet filters, namespaces, QEMU's files, daemons that
 * change their user.
 */
const capabilities = [
  ...['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_MODULE'],
  ...['CAP_SYS_RESOURCE', 'CAP_SYS_NICE', 'CAP_SYS_CHROOT', 'CAP_IPC_LOCK', 'CAP_MKNOD', 'CAP_KILL', 'CAP_CHOWN'],
  ...['CAP_FOWNER', 'CAP_FSETID', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'],
];

/**
 * Text of the unit.
 * @param {{ program: string, config: string, driver: string }} options `program`: the folder of the host agent
 */
export function unitText({ program, config, driver }) {
  const virtualMachines = driver === 'libvirt' ? ['After=libvirtd.service', 'Wants=libvirtd.service'] : [];
  return [
    '# Written by isthmus-host-install.mjs.',
    '[Unit]',
    'Description=Isthmus host agent',
    'After=network-online.target',
    'Wants=network-online.target',
    ...virtualMachines,
    '',
    '[Service]',
    `ExecStart=${program}/node ${program}/isthmus-host.mjs --config ${config}`,
    'Restart=always',
    'RestartSec=2',
    '# Routers and instances outlive the host agent: it adopts them when it starts again.',
    'KillMode=process',
    'TasksMax=infinity',
    'LimitNOFILE=65536',
    'OOMScoreAdjust=-500',
    '# No setting that gives the service a mount namespace of its own: network namespaces that it makes must be seen by',
    '# its next start, and by whoever looks for them.',
    'NoNewPrivileges=yes',
    `CapabilityBoundingSet=${capabilities.join(' ')}`,
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
    'SystemCallFilter=~@clock @cpu-emulation @obsolete @raw-io @reboot @swap',
    'SystemCallErrorNumber=EPERM',
    'UMask=0022',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n');
}
