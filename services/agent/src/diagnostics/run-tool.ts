// runDiagnostics in the router: ping, traceroute and arping from where it stands.
import {
  diagnosticFault,
  diagnosticOutputLimit,
  diagnosticSeconds,
  type OperationAnswer,
  type OperationRequest,
} from '@isthmus/contract';
import { CommandError, type CommandRunner } from '@isthmus/host';
import { isIpv4Address } from '@isthmus/net';
import { OperationRequestError } from '../operation-request-error.ts';

type Request = OperationRequest<'diagnostics'>;
type Answer = OperationAnswer<'diagnostics'>;

/** Debian's name of traceroute where nothing has made its alternative, as in an image. */
const programs: Readonly<Record<Request['tool'], string>> = {
  ping: 'ping',
  traceroute: 'traceroute.db',
  arping: 'arping',
};

/** As timeout(1) ends. */
const timedOutCode = 124;
const killedCode = 137;

function defaults({ tool, parameters }: Request): string[] {
  const given = (option: string) => parameters.some((word) => word.startsWith(option));
  if (tool === 'traceroute') return ['-w', '2', ...(given('-m') ? [] : ['-m', '20'])];
  return given('-c') ? [] : ['-c', '4'];
}

/** The NIC that leads to an address, for arping, which does not ask the routes itself. */
async function nicTo(commands: CommandRunner, address: string): Promise<string[]> {
  const { stdout } = await commands.run('ip', ['-json', 'route', 'get', address], { okCodes: [0, 1, 2] });
  const [route] = stdout.trim() === '' ? [] : (JSON.parse(stdout) as { readonly dev?: string }[]);
  return route?.dev === undefined ? [] : ['-I', route.dev];
}

async function wordsOf(commands: CommandRunner, request: Request): Promise<string[]> {
  const { tool, address, parameters } = request;
  const isIpv6 = !isIpv4Address(address);
  const family = tool === 'arping' ? [] : [isIpv6 ? '-6' : '-4'];
  const hasNic = parameters.some((word) => word.startsWith('-I'));
  const nic = tool === 'arping' && !hasNic ? await nicTo(commands, address) : [];
  return [...family, ...defaults(request), ...nic, ...parameters, '--', address];
}

function bounded(text: string): string {
  return text.slice(0, diagnosticOutputLimit);
}

/** Carries it out. Throws OperationRequestError where a word is none that the tool may be given. */
export async function runTool(commands: CommandRunner, request: Request): Promise<Answer> {
  const { tool, address, parameters } = request;
  const fault = diagnosticFault(tool, parameters);
  if (fault !== null) throw new OperationRequestError('invalid', `parameters: ${fault}`);
  if (tool === 'arping' && !isIpv4Address(address)) {
    throw new OperationRequestError('invalid', `address ${address}: expected an IPv4 address for arping`);
  }
  const timeoutMs = diagnosticSeconds * 1000;
  try {
    const options = {
      timeoutMs,
      outputLimit: diagnosticOutputLimit,
      okCodes: Array.from({ length: 126 }, (_, code) => code),
    };
    const { stdout, stderr, exitCode } = await commands.run(programs[tool], await wordsOf(commands, request), options);
    return { stdout: bounded(stdout), stderr: bounded(stderr), exitCode };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const reason = error.timedOut ? `ended after ${diagnosticSeconds} s` : error.message;
    const exitCode = error.timedOut ? timedOutCode : (error.exitCode ?? killedCode);
    return { stdout: bounded(error.stdout), stderr: bounded(`${error.stderr}${reason}\n`), exitCode };
  }
}
