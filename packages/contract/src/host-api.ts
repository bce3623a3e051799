// The API of a host agent: HTTP with JSON bodies over the host's own Unix socket, and over mutual TLS on hosts that joined by
// token. What is on a host is told by PUT of the whole desired thing, so that a repeated call changes nothing.
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { ApplianceKindSchema } from './agent-api.ts';
import { CertificateGrantSchema, CertificateRequestSchema, InstallationSchema } from './certificate.ts';
import { AgentStatusSchema } from './push.ts';
import {
  EntryIdSchema,
  HostnameSchema,
  InterfaceNameSchema,
  Ipv4AddressSchema,
  Ipv6AddressSchema,
  MacAddressSchema,
  PrefixLengthSchema,
} from './values.ts';

const closed = { additionalProperties: false } as const;

/**
 * A layer 2 segment of the host. `guest`: a bridge of the host agent's own, told apart by `vni` (the number of the
 * account network's broadcast domain). `public`: the bridge named `bridge` where an admin made one, else a bridge of the
 * host agent's own which carries `gateway` itself.
 */
export const SegmentSchema = Type.Union([
  Type.Object(
    { kind: Type.Literal('guest'), id: EntryIdSchema, vni: Type.Integer({ minimum: 1, maximum: 16_777_215 }) },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('public'),
      id: EntryIdSchema,
      bridge: Type.Optional(InterfaceNameSchema),
      gateway: Ipv4AddressSchema,
      prefixLength: PrefixLengthSchema,
    },
    closed,
  ),
]);
export type Segment = Static<typeof SegmentSchema>;

/**
 * A NIC as its port on the segment sees it. Port security admits `macAddress`, `addresses`, `ipv6Addresses` and the link-local
 * address of `macAddress` alone; null: a router's port.
 */
export const NicSchema = Type.Object(
  {
    name: InterfaceNameSchema,
    macAddress: MacAddressSchema,
    segment: SegmentSchema,
    addresses: Type.Union([Type.Array(Ipv4AddressSchema), Type.Null()]),
    ipv6Addresses: Type.Optional(Type.Array(Ipv6AddressSchema)),
  },
  closed,
);
export type Nic = Static<typeof NicSchema>;

/** SHA-256 of a file in lower-case hexadecimal. */
export const Sha256Schema = Type.String({ pattern: '^[0-9a-f]{64}$' });

/**
 * Disk of a VM in the host's image cache (PUT /v1/images/:sha256). The VM writes to an overlay of its own. With `kernel`
 * the VM is started by direct kernel, without firmware and boot loader.
 */
export const ImageSchema = Type.Object(
  {
    sha256: Sha256Schema,
    format: Type.Enum(['qcow2', 'raw']),
    kernel: Type.Optional(
      Type.Object(
        {
          kernel: Sha256Schema,
          initrd: Sha256Schema,
          commandLine: Type.String({ maxLength: 1024, pattern: '^[ -~]*$' }),
        },
        closed,
      ),
    ),
  },
  closed,
);
export type Image = Static<typeof ImageSchema>;

/** What a VM is made of. The namespace driver takes none. `rootDiskBytes` widens the disk; absent: as large as the image. */
export const MachineSchema = Type.Object(
  {
    image: ImageSchema,
    cpus: Type.Integer({ minimum: 1, maximum: 256 }),
    memoryBytes: Type.Integer({ minimum: 16 * 1024 * 1024 }),
    rootDiskBytes: Type.Optional(Type.Integer({ minimum: 1024 * 1024 })),
  },
  closed,
);
export type Machine = Static<typeof MachineSchema>;

/**
 * PUT /v1/appliances/:id makes and starts the router, or adopts it where it runs. Its document comes by POST …/push with
 * the namespace driver where it is a router, by config drive and through the tunnel otherwise. The host agent adds the
 * control NIC of a VM, and of a console proxy in a namespace, which is a process of its own there.
 * `dark`: no frame goes through its ports until PUT …/ports lights them, since another router has its addresses.
 */
export const ApplianceSpecSchema = Type.Object(
  {
    kind: ApplianceKindSchema,
    nics: Type.Array(NicSchema, { minItems: 1, maxItems: 8 }),
    machine: Type.Optional(MachineSchema),
    dark: Type.Optional(Type.Literal(true)),
  },
  closed,
);
export type ApplianceSpec = Static<typeof ApplianceSpecSchema>;

/**
 * PUT /v1/appliances/:id/ports lights the ports of an appliance of this host, or darkens them; `instead` changes place
 * with it in the same instant, where this host has it. Who was told by a newer `fencingToken` refuses (`conflict`).
 */
export const PortsSchema = Type.Object(
  {
    state: Type.Enum(['lit', 'dark']),
    fencingToken: Type.Integer({ minimum: 0 }),
    instead: Type.Optional(EntryIdSchema),
  },
  closed,
);
export type Ports = Static<typeof PortsSchema>;

/** PUT /v1/instances/:id makes and starts a tenant's instance. */
export const InstanceSpecSchema = Type.Object(
  {
    hostname: HostnameSchema,
    nics: Type.Array(NicSchema, { minItems: 1, maxItems: 8 }),
    machine: Type.Optional(MachineSchema),
  },
  closed,
);
export type InstanceSpec = Static<typeof InstanceSpecSchema>;

export const PowerStateSchema = Type.Enum(['Running', 'Stopped', 'Error']);

/**
 * GET /v1/appliances and /v1/appliances/:id. Of a VM: `agent` is null, since its agent is asked through the tunnel;
 * `controlAddress` is where it listens; `hasConfigDrive` until POST …/eject-config-drive; `serialConsole` the last lines
 * that it wrote there, where it is in state Error or has its config drive still; `dark`: no frame goes through its ports.
 */
export const ApplianceReportSchema = Type.Object(
  {
    id: EntryIdSchema,
    kind: ApplianceKindSchema,
    state: PowerStateSchema,
    reason: Type.Optional(Type.String()),
    agent: Type.Union([AgentStatusSchema, Type.Null()]),
    controlAddress: Type.Optional(Ipv4AddressSchema),
    hasConfigDrive: Type.Optional(Type.Boolean()),
    serialConsole: Type.Optional(Type.String()),
    dark: Type.Optional(Type.Literal(true)),
  },
  closed,
);
export type ApplianceReport = Static<typeof ApplianceReportSchema>;

/**
 * GET /v1/instances and /v1/instances/:id. `address` is what the DHCP lease gave, null until then and always of a VM, in
 * which the host does not look. `serialConsole`: the last lines that a VM wrote there, where it is in state Error.
 */
export const InstanceReportSchema = Type.Object(
  {
    id: EntryIdSchema,
    state: PowerStateSchema,
    reason: Type.Optional(Type.String()),
    address: Type.Union([Ipv4AddressSchema, Type.Null()]),
    serialConsole: Type.Optional(Type.String()),
  },
  closed,
);
export type InstanceReport = Static<typeof InstanceReportSchema>;

export const DriverSchema = Type.Enum(['namespace', 'libvirt']);
/** How a host carries VMs. */
export type DriverName = Static<typeof DriverSchema>;

/**
 * GET /v1/host. `memoryBytes` is the machine's whole memory, `memoryFreeBytes` what is available of it; `version` the host
 * agent's; `accelerator` of VMs, from a probe that booted something; `tunnelAddress` where its VXLAN devices listen, null
 * where it takes part in no tunnel; `guestMtu` what NICs on guest segments may have there; `bootId` changes with each boot of the machine.
 */
export const HostReportSchema = Type.Object(
  {
    installation: InstallationSchema,
    hostname: Type.String(),
    driver: DriverSchema,
    accelerator: Type.Union([Type.Enum(['kvm', 'tcg']), Type.Null()]),
    bootId: Type.String({ pattern: '^[0-9a-f-]{8,64}$' }),
    tunnelAddress: Type.Union([Ipv4AddressSchema, Type.Null()]),
    guestMtu: Type.Optional(Type.Integer({ minimum: 576, maximum: 9216 })),
    version: Type.String(),
    cpus: Type.Integer({ minimum: 1 }),
    memoryBytes: Type.Integer({ minimum: 0 }),
    memoryFreeBytes: Type.Integer({ minimum: 0 }),
    pid: Type.Integer({ minimum: 1 }),
  },
  closed,
);
export type HostReport = Static<typeof HostReportSchema>;

/** GET /v1/images: what the host's image cache holds, whole and checked. PUT /v1/images/:sha256 takes the bytes as the body. */
export const CachedImagesSchema = Type.Array(
  Type.Object({ sha256: Sha256Schema, bytes: Type.Integer({ minimum: 0 }) }, closed),
);
export type CachedImages = Static<typeof CachedImagesSchema>;

/** PUT /v1/tunnels: the tunnel addresses of the zone's other hosts. Every guest segment spans them by VXLAN. */
export const TunnelsSchema = Type.Object({ peers: Type.Array(Ipv4AddressSchema, { maxItems: 4096 }) }, closed);
export type Tunnels = Static<typeof TunnelsSchema>;

/** Where another host's agent listens, and who it must be: the id that its certificate names. */
export const MigrationDestinationSchema = Type.Object(
  {
    hostId: EntryIdSchema,
    address: Type.String({ pattern: '^[A-Za-z0-9.:-]{1,253}$' }),
    port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  },
  closed,
);
export type MigrationDestination = Static<typeof MigrationDestinationSchema>;

/**
 * PUT /v1/instances/:id/nics/:name and PUT /v1/appliances/:id/nics/:name plug a NIC into what runs; DELETE unplugs it.
 * POST /v1/instances/:id/migrate moves a running VM to another host, to which it was announced before; its disk goes along.
 */
export const MigrationSchema = Type.Object({ destination: MigrationDestinationSchema }, closed);
export type Migration = Static<typeof MigrationSchema>;

/** What a migration's streams carry: commands to the destination's libvirtd, the guest's memory, its disk. */
export const MigrationStreamSchema = Type.Enum(['libvirt', 'memory', 'disks']);
export type MigrationStream = Static<typeof MigrationStreamSchema>;

/** Every stream of a migration. */
export const migrationStreams = ['libvirt', 'memory', 'disks'] as const satisfies readonly MigrationStream[];

/**
 * PUT /v1/incoming/:id announces an instance that the host `from` is about to move here. Until it is here, or the host has
 * waited too long, exactly that host may open its streams: `GET /v1/incoming/:id/streams/:stream` with
 * `Upgrade: isthmus-tunnel`, 101, then raw bytes. DELETE /v1/incoming/:id ends the announcement: the instance is recorded
 * where it runs here by then, else nothing of it remains. PUT and DELETE /v1/instances/:id end it too.
 */
export const IncomingSchema = Type.Object({ from: EntryIdSchema, spec: InstanceSpecSchema }, closed);
export type Incoming = Static<typeof IncomingSchema>;

/**
 * What a host answers to GET /v1/join before it has a certificate: TLS with the pre-shared key of its join token
 * (`joinPskIdentity`), and no other path. Its key and who it is.
 */
export const JoinOfferSchema = Type.Object(
  { request: CertificateRequestSchema, report: Type.Unsafe<HostReport>(HostReportSchema) },
  closed,
);
export type JoinOffer = Static<typeof JoinOfferSchema>;

/** PUT /v1/join: the host has joined when it is answered; from then on it speaks mutual TLS only, and the token is spent. */
export const JoinGrantSchema = Type.Object(
  {
    installation: InstallationSchema,
    hostId: EntryIdSchema,
    grant: CertificateGrantSchema,
  },
  closed,
);
export type JoinGrant = Static<typeof JoinGrantSchema>;

/** What addHost hands out, once: which installation and host row it is for, and the 32 bytes of the pre-shared key. */
export interface JoinToken {
  readonly installation: string;
  readonly hostId: string;
  /** Base64url of 32 random bytes. */
  readonly secret: string;
}

/** A join token as text, e.g. `isthmus-join.ab12.0b6f….secret`. */
export function formatJoinToken({ installation, hostId, secret }: JoinToken): string {
  return `isthmus-join.${installation}.${hostId}.${secret}`;
}

/** Reads the text of `formatJoinToken`; null where it is none. */
export function parseJoinToken(text: string): JoinToken | null {
  const [, installation, hostId, secret] =
    /^isthmus-join\.([a-z][a-z0-9]{3})\.([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  if (installation === undefined || hostId === undefined || secret === undefined) return null;
  return { installation, hostId, secret };
}

/** PSK identity of the join connection, which is TLS 1.2 with `joinCiphers`. */
export function joinPskIdentity({ installation, hostId }: Pick<JoinToken, 'installation' | 'hostId'>): string {
  return `isthmus-join:${installation}:${hostId}`;
}

/** Cipher suites of the join connection, in OpenSSL's names: mutual authentication by the key, with forward secrecy. */
export const joinCiphers = 'ECDHE-PSK-CHACHA20-POLY1305';

/** TCP port of a host agent that joined by token. */
export const hostAgentPort = 8250;

/**
 * GET and PUT /v1/appliances/:id/state: the part of a router's state that its document does not hold (such as leases), a
 * text of each service by the service's name. For the router that replaces it, before its first push.
 */
export const ApplianceStateSchema = Type.Record(Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }), Type.String());
export type ApplianceState = Static<typeof ApplianceStateSchema>;

/**
 * Body of every answer of the host agent that is not 2xx, besides a Refusal (409 to a push). `invalid` 400, `not-found`
 * 404, `conflict` 423 (the request contradicts what is on the host; final until that changes), `failed` 500 (may be tried
 * again).
 */
export const HostErrorSchema = Type.Object(
  {
    code: Type.Enum(['invalid', 'not-found', 'conflict', 'failed']),
    message: Type.String(),
    detail: Type.Optional(Type.String()),
  },
  closed,
);
export type HostError = Static<typeof HostErrorSchema>;
