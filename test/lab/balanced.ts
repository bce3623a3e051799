// Instances that serve behind a load balancer, rules in front of them, and clients of both.
import { fileURLToPath } from 'node:url';
import type { ApiValues } from '@isthmus/api-client';
import type { Host } from '@isthmus/host';
import { type MadeCertificate, makeCertificate } from '@isthmus/orchestrator/model/certificate-fixture';
import { waitFor } from './clients.ts';
import type { Cloud } from './cloud.ts';
import { type Instance, objectIn, objectsIn, only, type PublicIp, type Tenant, text } from './tenant.ts';

const program = fileURLToPath(new URL('programs/balanced-server.ts', import.meta.url));
/** Ports of programs/balanced-server.ts. */
export const backendPorts = { http: 8080, line: 9000 } as const;
const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** Starts the server of an instance and waits until it answers; answers with its process id. */
export async function startBackend(cloud: Cloud, { host, address }: Instance): Promise<number> {
  const args = [program, address, String(backendPorts.http), String(backendPorts.line)];
  const { pid, logPath } = await cloud.lab.startDaemon(host, process.execPath, args);
  await waitFor(`the server of ${address}`, async () =>
    ((await cloud.lab.machine.files.readTextIfExists(logPath)) ?? '').includes('ready'),
  );
  return pid;
}

/** What a rule of `balance` is besides the defaults. */
export interface Balancing {
  readonly publicport: number;
  readonly privateport?: number;
  readonly values?: ApiValues;
  readonly members?: readonly Instance[];
}

/** Makes a rule with its members; answers with its id. */
export async function balance(
  { client }: Tenant,
  { id: publicipid }: PublicIp,
  { publicport, privateport = backendPorts.http, values = {}, members = [] }: Balancing,
): Promise<string> {
  const answer = await client.run('createLoadBalancerRule', {
    publicipid,
    name: `port-${publicport}`,
    algorithm: 'roundrobin',
    publicport,
    privateport,
    ...values,
  });
  const id = text(objectIn(answer, 'loadbalancer'), 'id');
  if (members.length > 0) {
    const virtualmachineids = members.map((member) => member.id).join(',');
    await client.run('assignToLoadBalancerRule', { id, virtualmachineids });
  }
  return id;
}

/** Gives a rule a stickiness policy of a method; answers with the policy's id. */
export async function stick(
  { client }: Tenant,
  lbruleid: string,
  methodname: string,
  params: Readonly<Record<string, string>>,
): Promise<string> {
  const pairs = Object.entries(params).flatMap(([name, value], index) => [
    [`param[${index}].name`, name],
    [`param[${index}].value`, value],
  ]);
  const values = { lbruleid, name: methodname, methodname, ...Object.fromEntries(pairs) };
  const made = objectIn(await client.run('createLBStickinessPolicy', values), 'stickinesspolicies');
  return text(only('stickiness policy', objectsIn(made, 'stickinesspolicy')), 'id');
}

/** curl(1) with these arguments: exit code and output. */
export async function curl(host: Host, args: readonly string[]) {
  const fixed = ['--silent', '--show-error', '--noproxy', '*', '--max-time', '5'];
  return host.commands.run('curl', [...fixed, ...args], { okCodes: anyExitCode, timeoutMs: 10_000 });
}

/** Who answers each of so many requests, one connection each; '' where nobody does. */
export async function answerers(
  host: Host,
  url: string,
  times: number,
  args: readonly string[] = [],
): Promise<string[]> {
  const found: string[] = [];
  for (let time = 0; time < times; time += 1) {
    const { stdout } = await curl(host, ['--fail', ...args, url]);
    found.push(/^hostname: (.*)$/m.exec(stdout)?.[1] ?? '');
  }
  return found;
}

/** What TCP or UDP on a port answers to a line; '' for nothing. */
export async function lineAnswer(
  host: Host,
  address: string,
  port: number,
  options: readonly string[] = [],
): Promise<string> {
  const args = ['-n', '-w', '1', ...options, address, String(port)];
  const { stdout } = await host.commands.run('nc', args, {
    input: 'line\r\n',
    okCodes: anyExitCode,
    timeoutMs: 10_000,
  });
  return stdout.trim();
}

/** What wrk(1) reports of a run. */
export interface Load {
  readonly requests: number;
  /** Answers other than 2xx and 3xx, and every error of a connection. */
  readonly failed: number;
  readonly output: string;
}

/** wrk(1) for so many seconds. Its connections are kept. */
export async function load(host: Host, url: string, seconds: number, connections: number): Promise<Load> {
  const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s', url];
  const { stdout } = await host.commands.run('wrk', args, { timeoutMs: (seconds + 60) * 1000 });
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(stdout)?.slice(1) ?? [];
  const wrong = /Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? '0';
  const failed = [...errors, wrong].reduce((sum, count) => sum + Number(count), 0);
  return { requests: Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0), failed, output: stdout };
}

/** A CA of a test, and certificates of it in the API. */
export class TlsNames {
  readonly tenant: Tenant;
  readonly #authority: MadeCertificate;
  readonly authorityPath: string;

  private constructor(tenant: Tenant, authority: MadeCertificate, authorityPath: string) {
    this.tenant = tenant;
    this.#authority = authority;
    this.authorityPath = authorityPath;
  }

  static async create(cloud: Cloud, tenant: Tenant): Promise<TlsNames> {
    const authority = await makeCertificate({ name: 'test CA', isAuthority: true, kind: 'rsa2048' });
    const path = `${cloud.lab.run}/test-ca.pem`;
    await cloud.lab.machine.files.writeText(path, authority.certificate);
    return new TlsNames(tenant, authority, path);
  }

  /** Uploads a certificate for a name; answers with its id. */
  async upload(name: string, host: string): Promise<string> {
    const { certificate, privateKey: privatekey } = await makeCertificate({
      name: host,
      issuer: this.#authority,
      kind: 'rsa2048',
    });
    const values = { name, certificate, privatekey, certchain: this.#authority.certificate };
    return text(objectIn(await this.tenant.client.call('uploadSslCert', values), 'sslcert'), 'id');
  }
}

/** What openssl(1) s_client sees: the leaf's subject, whether the chain is good, and the protocol. */
export async function tlsOf(host: Host, address: string, port: number, name: string, args: readonly string[]) {
  const fixed = ['s_client', '-connect', `${address}:${port}`, '-servername', name, '-verify_hostname', name];
  const { stdout } = await host.commands.run('openssl', [...fixed, ...args], {
    input: '',
    okCodes: anyExitCode,
    timeoutMs: 10_000,
  });
  return {
    subject: /^subject=(.*)$/m.exec(stdout)?.[1]?.replaceAll(' ', '') ?? null,
    verified: /^Verify return code: 0 \(ok\)$/m.test(stdout) || /^Verification: OK$/m.test(stdout),
    protocol: /^New, (TLSv[\d.]+),/m.exec(stdout)?.[1] ?? null,
  };
}
