// The console proxy under the benchmark: ADDRESS PORT TARGET-PORT. Every ticket opens a session of the target. Says `ready`.
import { randomBytes, randomUUID } from 'node:crypto';
import { ConsoleProxy } from '@isthmus/console-proxy';
import { hostOf, silentLog } from '@isthmus/host';
import { parseIpv4Address } from '@isthmus/net';
import { benchOrigin } from './console-origin.ts';

const [address = '', port = '', targetPort = ''] = process.argv.slice(2);
const proxy = new ConsoleProxy({
  host: hostOf(silentLog),
  directory: {
    redeem: async () => ({
      state: 'open',
      session: randomUUID(),
      machine: 'bench',
      console: 'vnc',
      mode: 'control',
      viewers: [],
      resume: randomBytes(32).toString('base64url'),
      target: { kind: 'tcp', address: '127.0.0.1', port: Number(targetPort) },
      security: { types: ['None'] },
    }),
    choose: async () => ({ state: 'refused', reason: 'unavailable', message: 'Nobody chooses here.' }),
  },
  openDoor: () => Promise.reject(new Error('there is no door')),
  ended: () => {},
});
await proxy.use({
  publicAddress: parseIpv4Address(address),
  prefixLength: 8,
  gateway: parseIpv4Address('127.0.0.1'),
  port: Number(port),
  tls: null,
  origins: [benchOrigin],
  limits: {
    sessions: 5000,
    pending: 1000,
    pendingPerAddress: 1000,
    handshakeSeconds: 30,
    idleSeconds: 0,
    absoluteSeconds: 0,
    pingSeconds: 20,
  },
  draining: false,
});
process.stdout.write('ready\n');
