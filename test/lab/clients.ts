// Real clients, run inside a namespace through its CommandRunner. Each is bounded in time.
import type { Host } from '@isthmus/host';

/** Waits until `condition` is neither false nor null nor undefined and answers with it. Throws with `what` after `timeoutMs`. */
export async function waitFor<Value>(
  what: string,
  condition: () => Promise<Value | false | null | undefined>,
  timeoutMs = 30_000,
): Promise<Value> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value;
    if (performance.now() > end) throw new Error(`${what}: did not come about within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** False where a daemon has ended. Asked twice: while a process is replaced by another program, it shows no command line. */
export async function isStillRunning(host: Host, pid: number, file: string): Promise<boolean> {
  if (await host.commands.isRunning(pid, file)) return true;
  await new Promise((resolve) => setTimeout(resolve, 250));
  return host.commands.isRunning(pid, file);
}

export interface HttpOptions {
  /** Source address, of those that the namespace has. */
  readonly from?: string;
  /** Sent by POST. */
  readonly body?: string;
  readonly timeoutMs?: number;
}

/** curl(1) of a URL from a namespace: the answer's body, or null where there is none within `timeoutMs` (default 2,000). */
export async function httpGet(host: Host, url: string, options: HttpOptions = {}): Promise<string | null> {
  const timeoutMs = options.timeoutMs ?? 2000;
  const from = options.from === undefined ? [] : ['--interface', options.from];
  const body = options.body === undefined ? [] : ['--data-binary', options.body];
  const args = ['--silent', '--fail', '--noproxy', '*', '--max-time', String(timeoutMs / 1000), ...from, ...body, url];
  const okCodes = Array.from({ length: 100 }, (_, code) => code);
  const result = await host.commands.run('curl', args, { okCodes, timeoutMs: timeoutMs + 5000 });
  return result.exitCode === 0 ? result.stdout : null;
}

/** The address that an HTTP server of the lab or of an instance saw as the client's; null where it did not answer. */
export async function seenAs(host: Host, url: string, options: HttpOptions = {}): Promise<string | null> {
  const answer = await httpGet(host, url, options);
  return answer === null ? null : (/^client: (.*)$/m.exec(answer)?.[1] ?? null);
}

/** Who answers an HTTP request: the server's `hostname:` line; null where nobody does. */
export async function answererOf(host: Host, url: string, options: HttpOptions = {}): Promise<string | null> {
  const answer = await httpGet(host, url, options);
  return answer === null ? null : (/^hostname: (.*)$/m.exec(answer)?.[1] ?? null);
}

/** True where one UDP datagram to an echo server comes back within a second (nc(1)). */
export async function udpEchoes(host: Host, address: string, port: number, from?: string): Promise<boolean> {
  const source = from === undefined ? [] : ['-s', from];
  const args = ['-u', '-n', '-w', '1', ...source, address, String(port)];
  const result = await host.commands.run('nc', args, { input: 'echo', okCodes: [0, 1], timeoutMs: 5000 });
  return result.stdout === 'echo';
}

/** True where ping(8) gets an answer to one of two requests within a second. */
export async function pings(host: Host, address: string, from?: string): Promise<boolean> {
  const source = from === undefined ? [] : ['-I', from];
  const args = ['-n', '-c', '2', '-i', '0.2', '-W', '1', ...source, address];
  return (await host.commands.run('ping', args, { okCodes: [0, 1, 2], timeoutMs: 5000 })).exitCode === 0;
}

/** The records that dig(1) gets from a server, a line each; empty where there is no answer. */
export async function dig(host: Host, server: string, name: string, type = 'A'): Promise<string[]> {
  const question = type === 'PTR' ? ['-x', name] : [name, type];
  const args = [`@${server}`, '+short', '+time=1', '+tries=1', ...question];
  const result = await host.commands.run('dig', args, { okCodes: [0, 9], timeoutMs: 10_000 });
  return result.exitCode === 0 ? result.stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';')) : [];
}
