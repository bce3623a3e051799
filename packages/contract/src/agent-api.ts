// The API of an appliance's agent in a VM: HTTP with JSON bodies over mutual TLS, on the control address alone. It heeds
// certificates of the role `orchestrator` of its installation and no others. The orchestrator reaches it through a tunnel
// of the host agent (GET /v1/appliances/:id/agent with `Upgrade: isthmus-tunnel`), which carries the TLS bytes unread.
//
//   GET  /v1/status                AgentStatus
//   POST /v1/push                  Push → Acknowledgement, or 409 Refusal
//   GET, PUT /v1/state             ApplianceState
//   POST /v1/certificate/request   → CertificateRequest
//   PUT  /v1/certificate           CertificateGrant → 204
//   PUT  /v1/revocations           Revocations → 204
//   GET  /v1/boot                  BootReport
//   GET  /v1/update                UpdateReport
//   PUT  /v1/update                Update → 204; the agent then starts again with it
//   POST /v1/operations/NAME       as operations.ts says
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { CertificateGrantSchema, InstallationSchema, PemSchema } from './certificate.ts';
import { PushSchema } from './push.ts';
import {
  EntryIdSchema,
  InterfaceNameSchema,
  Ipv4AddressSchema,
  MacAddressSchema,
  PrefixLengthSchema,
} from './values.ts';

const closed = { additionalProperties: false } as const;

/** What an appliance is. The document of a router is RouterDocument, that of a console proxy ConsoleProxyDocument. */
export const ApplianceKindSchema = Type.Enum(['router', 'console-proxy']);
export type ApplianceKind = Static<typeof ApplianceKindSchema>;

/** TCP port of the agent on the control address. */
export const agentPort = 3922;

/** NIC of an appliance on the control network of its host. */
export const controlInterface = 'eth1';

/**
 * Body of PUT /v1/appliances/:id/config-drive of a host agent, before the appliance's PUT: the identity of the appliance
 * and its first document (null: it has one on its state partition, or waits for a push; always of a console proxy). `imageKeys`: public keys
 * (Ed25519, SPKI in PEM) by one of which an update has to be signed; without them none is taken.
 */
export const BootstrapSchema = Type.Object(
  {
    installation: InstallationSchema,
    privateKey: PemSchema,
    grant: CertificateGrantSchema,
    push: Type.Union([PushSchema, Type.Null()]),
    imageKeys: Type.Optional(Type.Array(PemSchema, { maxItems: 16 })),
  },
  closed,
);
export type Bootstrap = Static<typeof BootstrapSchema>;

/** The control NIC as the host agent gave it. `gateway` is the host on that network, and all that may speak to it. */
export const ControlNicSchema = Type.Object(
  {
    macAddress: MacAddressSchema,
    address: Ipv4AddressSchema,
    prefixLength: PrefixLengthSchema,
    gateway: Ipv4AddressSchema,
  },
  closed,
);
export type ControlNic = Static<typeof ControlNicSchema>;

/**
 * `config.json` of a config drive: a CD-ROM (ISO 9660 with Joliet or Rock Ridge, volume `ISTHMUS`). Beside it,
 * `config.json.sha256` holds the SHA-256 of `config.json` in hexadecimal, so that a truncated drive is told from a whole
 * one. Every NIC besides the control NIC is named by its MAC address.
 */
export const ConfigDriveSchema = Type.Object(
  {
    id: EntryIdSchema,
    kind: ApplianceKindSchema,
    bootstrap: BootstrapSchema,
    control: ControlNicSchema,
    nics: Type.Array(Type.Object({ name: InterfaceNameSchema, macAddress: MacAddressSchema }, closed)),
  },
  closed,
);
export type ConfigDrive = Static<typeof ConfigDriveSchema>;

/**
 * GET /v1/boot: when each stage of the boot ended, in ms since the kernel's clock began, in their order, such as
 * `kernel`, `init`, `node`, `config drive`, `network`, `control`, `serving`.
 */
export const BootReportSchema = Type.Object(
  {
    version: Type.String(),
    stages: Type.Array(Type.Object({ stage: Type.String(), atMs: Type.Number({ minimum: 0 }) }, closed)),
    memoryUsedBytes: Type.Integer({ minimum: 0 }),
  },
  closed,
);
export type BootReport = Static<typeof BootReportSchema>;

const base64 = '^[A-Za-z0-9+/]*={0,2}$';

/**
 * A newer agent. `manifest` is the manifest.json of the image that it is of, as it lies there, in base64; `signature` the
 * text of its manifest.json.sig; `bundle` the manifest's file of kind `bundle` in base64.
 */
export const UpdateSchema = Type.Object(
  {
    manifest: Type.String({ pattern: base64, maxLength: 131_072 }),
    signature: Type.String({ maxLength: 1024 }),
    bundle: Type.String({ pattern: base64 }),
  },
  closed,
);
export type Update = Static<typeof UpdateSchema>;

/** An agent as one file: the version of the image that it is of, and the file's SHA-256 in hexadecimal. */
const SoftwareSchema = Type.Object(
  { version: Type.String(), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
  closed,
);
export type Software = Static<typeof SoftwareSchema>;

/**
 * What runs in an appliance. `trial`: it was given by an update and is not kept yet; the one before it starts again where
 * it does not serve, or nobody reaches it, within `agentTrialSeconds`. `failed`: the last update to which that happened.
 */
export const UpdateReportSchema = Type.Object(
  {
    running: SoftwareSchema,
    trial: Type.Boolean(),
    failed: Type.Union([
      Type.Object({ software: SoftwareSchema, reason: Type.String({ maxLength: 4096 }) }, closed),
      Type.Null(),
    ]),
  },
  closed,
);
export type UpdateReport = Static<typeof UpdateReportSchema>;

/** How long an updated agent has until it serves and was reached. appliances/base/boot/agent has the same number. */
export const agentTrialSeconds = 120;
