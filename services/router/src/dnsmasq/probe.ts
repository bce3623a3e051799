// Asks dnsmasq for a name and for the options of a lease, and prints what came back as JSON. DHCPINFORM (RFC 2131, 3.4) leaves leases alone; it is
// broadcast on the guest network, since dnsmasq takes only what comes in there, and the kernel hands a broadcast back.
import { createSocket } from 'node:dgram';

/** What to ask. `address`: the router's own on the guest network. */
export interface ProbeQuestion {
  readonly address: string;
  readonly broadcast: string;
  /** Processes that answer DHCP, each asked by a hardware address of its own. */
  readonly shards: number;
  /** Null: DNS is not asked. */
  readonly name: string | null;
  /** A name that dnsmasq has to ask others for. */
  readonly forwardedName?: string;
  readonly timeoutMs: number;
}

/** What came back; null: nothing within the time. `addresses`: A records in dotted decimal; `code`: RFC 1035, 4.1.1. */
export interface ProbeAnswer {
  readonly dns: { readonly code: number; readonly addresses: readonly string[] } | null;
  /** One for each process that answers DHCP. */
  readonly dhcp: readonly ({ readonly router: string | null } | null)[];
  /** Null also where nothing was to be forwarded. */
  readonly forwarded: { readonly code: number } | null;
}

function ask(question: ProbeQuestion, port: number, to: string, message: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer: Buffer | null) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(null), question.timeoutMs);
    socket.on('error', () => end(null));
    socket.on('message', (answer) => end(answer));
    socket.bind(0, question.address, () => {
      socket.setBroadcast(true);
      socket.send(message, port, to);
    });
  });
}

function dnsQuery(name: string): Buffer {
  const header = Buffer.from([0x49, 0x54, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** A answers stand behind the question, each with a compressed name (2), type, class, TTL, length (10) and the address (4). */
function readDns(answer: Buffer, questionLength: number): ProbeAnswer['dns'] {
  const addresses: string[] = [];
  const count = answer.readUInt16BE(6);
  for (let at = questionLength; addresses.length < count && at + 16 <= answer.length; at += 16) {
    if (answer.readUInt16BE(at + 2) !== 1) break;
    addresses.push([...answer.subarray(at + 12, at + 16)].join('.'));
  }
  return { code: (answer[3] ?? 0) & 15, addresses };
}

function dhcpInform(address: string, shard: number): Buffer {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6]);
  message.set(address.split('.').map(Number), 12);
  // A locally administered hardware address that no guest has: the answer goes to the IP address.
  message.set([2, 0, 0, 0, 0, shard], 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 8, 55, 1, 3, 255], 236);
  return message;
}

function readDhcp(answer: Buffer): ProbeAnswer['dhcp'][number] {
  for (let at = 240; at + 1 < answer.length; at += 2 + (answer[at + 1] ?? 0)) {
    if (answer[at] === 3) return { router: [...answer.subarray(at + 2, at + 6)].join('.') };
  }
  return { router: null };
}

/** Asks, in the network namespace of this process. */
export async function probe(question: ProbeQuestion): Promise<ProbeAnswer> {
  const { name, forwardedName } = question;
  const query = name === null ? null : dnsQuery(name);
  const informs = Array.from({ length: question.shards }, (_, shard) => dhcpInform(question.address, shard));
  const [dns, forwarded, ...dhcp] = await Promise.all([
    query === null ? null : ask(question, 53, question.address, query),
    forwardedName === undefined ? null : ask(question, 53, question.address, dnsQuery(forwardedName)),
    ...informs.map((inform) => ask(question, 67, question.broadcast, inform)),
  ]);
  return {
    dns: dns === null || query === null ? null : readDns(dns, query.length),
    dhcp: dhcp.map((answer) => (answer === null ? null : readDhcp(answer))),
    forwarded: forwarded === null ? null : { code: (forwarded[3] ?? 0) & 15 },
  };
}
