// Opens TCP connections and asks HTTP servers, in the network namespace of this process.
import { connect } from 'node:net';

/** Where to connect to. With `path` a GET of HTTP/1.0 must be answered, with any code below 500. */
export interface ConnectTarget {
  readonly address: string;
  readonly port: number;
  readonly path?: string;
}

/** What is asked of connect-main.ts. */
export interface ConnectQuestion {
  readonly targets: readonly ConnectTarget[];
  readonly timeoutMs: number;
}

function faultOfAnswer(answer: string): string | null {
  const code = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? Number.NaN);
  if (Number.isNaN(code)) return 'the answer is no HTTP';
  return code < 500 ? null : `answered ${code}`;
}

/** Why a target does not serve; null where it does. */
function faultOf({ address, port, path }: ConnectTarget, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let answer = '';
    const end = (fault: string | null) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(fault);
    };
    const timer = setTimeout(() => end(`no answer within ${timeoutMs} ms`), timeoutMs);
    socket.on('error', (error) => end(error.message));
    socket.on('connect', () => {
      if (path === undefined) end(null);
      else socket.write(`GET ${path} HTTP/1.0\r\nHost: data-server\r\nUser-Agent: isthmus-health-check\r\n\r\n`);
    });
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
      if (answer.includes('\n') || answer.length > 4096) end(faultOfAnswer(answer));
    });
    socket.on('close', () => end(faultOfAnswer(answer)));
  });
}

/** Why each target does not serve, in their order; null for those that do. */
export function connectFaults({ targets, timeoutMs }: ConnectQuestion): Promise<(string | null)[]> {
  return Promise.all(targets.map((target) => faultOf(target, timeoutMs)));
}
