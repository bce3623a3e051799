// Asks dnsmasq for a name and for the options of a lease, and prints what came back as JSON. DHCPINFORM (RFC 2131, 3.4) leaves leases alone; it is
// broadcast on the guest network, since dnsmasq takes only what comes in there, and the kernel hands a broadcast back.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

/** What to ask. `address`: the router's own on the guest network. */
export interface ProbeQuestion {
  readonly address: string;
  readonly broadcast: string;
  /** The guest NIC, where a process answers DHCPv6; null: none does. */
  readonly ipv6Interface: string | null;
  /** Of the hosts, those whose processes answer DHCP, each asked by a hardware address of its own. */
  readonly shares: readonly number[];
  /** Null: DNS is not asked. */
  readonly name: string | null;
  /** A name that dnsmasq has to ask others for. */
  readonly forwardedName?: string;
  readonly timeoutMs: number;
}

/** What came back; null: nothing within the time. `addresses`: A records in dotted decimal; `code`: RFC 1035, 4.1.1. */
export interface ProbeAnswer {
  readonly dns: { readonly code: number; readonly addresses: readonly string[] } | null;
  /** One for each share that was asked for. */
  readonly dhcp: readonly ({ readonly router: string | null } | null)[];
  /** An answer of DHCPv6 came; null also where it was not asked. */
  readonly dhcpIpv6: true | null;
  /** Null also where nothing was to be forwarded. */
  readonly forwarded: { readonly code: number } | null;
}

/** A process that is just being started has no socket yet: it is asked again, as by any client. */
const againMs = 1000;

function ask(question: ProbeQuestion, port: number, to: string, message: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer: Buffer | null) => {
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(answer);
    };
    const send = () => socket.send(message, port, to);
    const timer = setTimeout(() => end(null), question.timeoutMs);
    let again: NodeJS.Timeout | undefined;
    socket.on('error', () => end(null));
    socket.on('message', (answer) => end(answer));
    socket.bind(0, question.address, () => {
      socket.setBroadcast(true);
      send();
      again = setInterval(send, againMs);
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

function dhcpInform(address: string, share: number): Buffer {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6]);
  message.set(address.split('.').map(Number), 12);
  // A locally administered hardware address that no guest has: the answer goes to the IP address.
  message.set([2, 0, 0, 0, 0, share], 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, 8, 55, 1, 3, 255], 236);
  return message;
}

function readDhcp(answer: Buffer): ProbeAnswer['dhcp'][number] {
  for (let at = 240; at + 1 < answer.length; at += 2 + (answer[at + 1] ?? 0)) {
    if (answer[at] === 3) return { router: [...answer.subarray(at + 2, at + 6)].join('.') };
  }
  return { router: null };
}

/** To all servers of the link; the kernel hands it back to this one, and dnsmasq answers to the client's port. */
const ipv6Servers = { address: 'ff02::1:2', port: 547, clientPort: 546 } as const;
const [informationRequest, reply] = [11, 7];

/** Asks for the options of the link (RFC 8415, 18.2.6), which leaves leases alone. */
function askDhcpIpv6(interfaceName: string, timeoutMs: number): Promise<true | null> {
  const transaction = randomBytes(3);
  // Options: a client that no guest is (DUID-LL), no time gone by, and a wish for resolvers.
  const options = [0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 0, 0, 6, 0, 2, 0, 23];
  return new Promise((resolve) => {
    const socket = createSocket('udp6');
    const end = (answer: true | null) => {
      clearTimeout(timer);
      clearInterval(again);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end(null), timeoutMs);
    let again: NodeJS.Timeout | undefined;
    socket.on('error', () => end(null));
    socket.on('message', (answer) => {
      if (answer[0] === reply && answer.subarray(1, 4).equals(transaction)) end(true);
    });
    socket.bind(ipv6Servers.clientPort, '::', () => {
      const message = Buffer.from([informationRequest, ...transaction, ...options]);
      const send = () => socket.send(message, ipv6Servers.port, `${ipv6Servers.address}%${interfaceName}`);
      send();
      again = setInterval(send, againMs);
    });
  });
}

/** Asks, in the network namespace of this process. */
export async function probe(question: ProbeQuestion): Promise<ProbeAnswer> {
  const { name, forwardedName } = question;
  const query = name === null ? null : dnsQuery(name);
  const informs = question.shares.map((share) => dhcpInform(question.address, share));
  const [dhcpIpv6, dns, forwarded, ...dhcp] = await Promise.all([
    question.ipv6Interface === null ? null : askDhcpIpv6(question.ipv6Interface, question.timeoutMs),
    query === null ? null : ask(question, 53, question.address, query),
    forwardedName === undefined ? null : ask(question, 53, question.address, dnsQuery(forwardedName)),
    ...informs.map((inform) => ask(question, 67, question.broadcast, inform)),
  ]);
  return {
    dns: dns === null || query === null ? null : readDns(dns, query.length),
    dhcp: dhcp.map((answer) => (answer === null ? null : readDhcp(answer))),
    dhcpIpv6,
    forwarded: forwarded === null ? null : { code: (forwarded[3] ?? 0) & 15 },
  };
}
