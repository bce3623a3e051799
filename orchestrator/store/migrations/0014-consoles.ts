// System VMs of a zone, consoles that people have open, and the certificate that proxies show to browsers.
import { type Kysely, sql } from 'kysely';

const statements = [
  // `draining`: since when no session is given to it any more, so that it can be removed. `generation`, `acknowledged`: of
  // its document. `reported`: when its last report came.
  `create table system_vm (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    type text not null check (type in ('consoleproxy')),
    zone_id uuid not null references zone (id),
    pod_id uuid not null references pod (id),
    host_id uuid references host (id),
    service_offering_id uuid not null references service_offering (id),
    public_ip_address_id uuid references public_ip_address (id),
    public_mac_address text not null,
    link_local_address text,
    state text not null,
    reason text,
    image_id uuid references image (id),
    version text,
    software_version text,
    software_sha256 text,
    bootstrapped boolean not null default false,
    generation bigint not null default 0,
    acknowledged jsonb,
    draining timestamptz,
    reported timestamptz,
    healthy boolean not null default false,
    idle_since timestamptz,
    created timestamptz not null default now()
  )`,
  'create index system_vm_zone on system_vm (zone_id)',
  'create unique index system_vm_address on system_vm (public_ip_address_id)',
  // A session begins as a ticket. Tokens are kept as SHA-256 in hexadecimal. No references to what may go while somebody
  // looks: a session outlives it, to be told and listed. `target_kind` instance, router, system-vm. `api_session_id`: the
  // session of the web page that asked, which takes it along. `request_id`: of the request that redeemed its ticket.
  `create table console_session (
    id uuid primary key default gen_random_uuid(),
    zone_id uuid not null references zone (id) on delete cascade,
    target_kind text not null check (target_kind in ('instance', 'router', 'system-vm')),
    target_id uuid not null,
    console text not null check (console in ('vnc', 'serial')),
    account_id uuid not null references account (id) on delete cascade,
    domain_id uuid not null references domain (id) on delete cascade,
    user_id uuid not null references cloud_user (id) on delete cascade,
    api_session_id text,
    origin text not null,
    creator_address text,
    bound_address text,
    client_address text,
    extra_hash text,
    state text not null check (state in ('Issued', 'Choosing', 'Open', 'Ended')),
    mode text check (mode in ('control', 'watch')),
    ticket_hash text unique,
    ticket_expires timestamptz,
    resume_hash text unique,
    request_id uuid,
    system_vm_id uuid references system_vm (id) on delete set null,
    host_id uuid references host (id) on delete set null,
    bytes_to_client bigint not null default 0,
    bytes_to_target bigint not null default 0,
    end_reason text,
    created timestamptz not null default now(),
    acquired timestamptz,
    seen timestamptz,
    ended timestamptz
  )`,
  "create index console_session_target on console_session (target_id) where state in ('Choosing', 'Open')",
  "create index console_session_proxy on console_session (system_vm_id) where state in ('Choosing', 'Open')",
  'create index console_session_user on console_session (user_id)',
  'create index console_session_created on console_session (created)',
  // `sequence` 0: the certificate itself; 1 and on: those above it (uploadCustomCertificate's `id`).
  `create table custom_certificate (
    sequence integer primary key,
    name text,
    domain_suffix text not null,
    certificate text not null,
    sealed_private_key text,
    created timestamptz not null default now()
  )`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
