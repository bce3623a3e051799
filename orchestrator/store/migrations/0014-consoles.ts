// System VMs of a zone, consoles that people have open, and the certificate that proxies show to browsers.
import { type Kysely, sql } from 'kysely';

/**
 * What ends a session ends it here, in the transaction that changes whatever it depends on, whichever command or monitor
 * that is. Orchestrators hear of it by notice `isthmus_console` once that is committed, and tell the proxies; a notice that
 * is lost is made up for by the next report of the proxy.
 */
const endings = [
  `create function end_console_sessions(of uuid, why text) returns void language sql as $$
    update console_session set state = 'Ended', end_reason = why, ended = now()
      where target_id = of and state <> 'Ended'
  $$`,
  // The page finds its session again through another proxy, or once the machine runs elsewhere.
  `create function move_console_sessions(of uuid) returns void language sql as $$
    update console_session set lost = now(), system_vm_id = null, host_id = null
      where target_id = of and state = 'Open' and lost is null
  $$`,
  // A session of the web page that ran out, while somebody looks at a console, is not a logout.
  `create function end_consoles_of_api_session() returns trigger language plpgsql as $$
  begin
    update console_session set state = 'Ended', end_reason = 'logout', ended = now()
      where api_session_id = old.id and state <> 'Ended';
    return null;
  end $$`,
  `create trigger end_consoles after delete on session for each row
    when (old.expires > now()) execute function end_consoles_of_api_session()`,
  // Of a user, an account or a domain that may not call any more.
  ...(
    [
      ['cloud_user', 'user_id', 'enabled'],
      ['account', 'account_id', 'enabled'],
      ['domain', 'domain_id', 'Active'],
    ] as const
  ).flatMap(([table, column, good]) => [
    `create function end_consoles_of_${table}() returns trigger language plpgsql as $$
    begin
      update console_session set state = 'Ended', end_reason = 'revoked', ended = now()
        where ${column} = new.id and state <> 'Ended';
      return null;
    end $$`,
    `create trigger end_consoles after update of state on ${table} for each row
      when (new.state <> '${good}') execute function end_consoles_of_${table}()`,
  ]),
  `create function end_consoles_of_machine() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' then
      perform end_console_sessions(old.id, 'destroyed');
    elsif new.state in ('Destroyed', 'Expunging') then
      perform end_console_sessions(new.id, 'destroyed');
    elsif new.state in ('Stopped', 'Error') then
      perform end_console_sessions(new.id, 'machine');
    elsif new.host_id is distinct from old.host_id then
      perform move_console_sessions(new.id);
    end if;
    return null;
  end $$`,
  ...['virtual_machine', 'router', 'system_vm'].map(
    (table) => `create trigger end_consoles after delete or update of state, host_id on ${table} for each row
      execute function end_consoles_of_machine()`,
  ),
  `create function end_consoles_of_former_owner() returns trigger language plpgsql as $$
  begin
    perform end_console_sessions(new.id, 'revoked');
    return null;
  end $$`,
  `create trigger end_consoles_of_former_owner after update of account_id on virtual_machine for each row
    when (new.account_id <> old.account_id) execute function end_consoles_of_former_owner()`,
  `create function lose_console_proxy() returns trigger language plpgsql as $$
  begin
    update console_session set state = 'Ended', end_reason = 'unavailable', ended = now()
      where system_vm_id = old.id and state = 'Choosing';
    update console_session set lost = now(), system_vm_id = null where system_vm_id = old.id and state = 'Open';
    if tg_op = 'DELETE' then
      return old;
    end if;
    return new;
  end $$`,
  `create trigger lose_console_proxy before delete on system_vm for each row execute function lose_console_proxy()`,
  `create trigger lose_stopped_console_proxy after update of state on system_vm for each row
    when (old.state = 'Running' and new.state <> 'Running') execute function lose_console_proxy()`,
  // `proxy`: which is to end its part of the session. `target`: whose viewers have changed.
  `create function tell_console_change() returns trigger language plpgsql as $$
  declare
    is_over boolean := tg_op = 'DELETE' or new.state = 'Ended';
  begin
    if old.state in ('Choosing', 'Open') and (is_over or new.system_vm_id is distinct from old.system_vm_id) then
      perform pg_notify('isthmus_console', json_build_object(
        'kind', 'end', 'session', old.id, 'proxy', old.system_vm_id, 'host', old.host_id,
        'reason', case when tg_op = 'DELETE' then 'revoked' when new.state = 'Ended' then new.end_reason else 'moved' end
      )::text);
    end if;
    if 'Open' in (old.state, coalesce(new.state, '')) and
        (new.state, new.mode, new.lost is null) is distinct from (old.state, old.mode, old.lost is null) then
      perform pg_notify('isthmus_console', json_build_object('kind', 'viewers', 'target', old.target_id)::text);
    end if;
    return null;
  end $$`,
  `create trigger tell_console_change after delete or update of state, mode, system_vm_id, lost on console_session
    for each row execute function tell_console_change()`,
];

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
  // `lost`: since when an open one has no proxy, so that its page may come back. `used_resume_hashes`: of tokens that were
  // spent; who shows one of them again has stolen it, or it was stolen from. `sealed_secrets`: of the answer that opened
  // it, until its proxy reports it: a request that is put again is answered the same.
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
    used_resume_hashes text[] not null default '{}',
    request_id text,
    sealed_secrets text,
    system_vm_id uuid references system_vm (id) on delete set null,
    host_id uuid references host (id) on delete set null,
    bytes_to_client bigint not null default 0,
    bytes_to_target bigint not null default 0,
    end_reason text,
    created timestamptz not null default now(),
    acquired timestamptz,
    seen timestamptz,
    lost timestamptz,
    ended timestamptz
  )`,
  "create index console_session_target on console_session (target_id) where state <> 'Ended'",
  "create index console_session_proxy on console_session (system_vm_id) where state <> 'Ended'",
  'create index console_session_user on console_session (user_id)',
  'create index console_session_created on console_session (created)',
  'create index console_session_api on console_session (api_session_id)',
  'create index console_session_used on console_session using gin (used_resume_hashes)',
  // `sequence` 0: the certificate itself; 1 and on: those above it (uploadCustomCertificate's `id`).
  `insert into service_offering (name, display_text, cpu_number, cpu_speed, memory, is_system, system_vm_type, is_default, offer_ha)
    values ('System Offering For Console Proxy', 'System Offering For Console Proxy', 1, 500, 512, true, 'consoleproxy', true, true)`,
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
  for (const statement of [...statements, ...endings]) await sql.raw(statement).execute(db);
}
