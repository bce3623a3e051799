// Run inside of a guests' namespace: asks for user data from many addresses in turn and prints how it went, as JSON.
// Arguments: the number of guests, seconds, requests at once, the router's address, and `own` where each answer has to be
// the guest's own.
import { Agent, get } from 'node:http';
import { guestAddressOf, userDataOf } from './metadata-guests.ts';

const [, , count = '', seconds = '', atOnce = '', router = '', kind = ''] = process.argv;
const guests = Array.from({ length: Number(count) }, (_, number) => ({
  address: guestAddressOf(number),
  agent: new Agent({ keepAlive: true, maxSockets: 1 }),
}));

function ask({ address, agent }: (typeof guests)[number]): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: router, path: '/latest/user-data', localAddress: address, agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve(response.statusCode === 200 && (kind !== 'own' || body === userDataOf(address))),
      );
    });
    request.on('error', () => resolve(false));
  });
}

let next = 0;
const result = { answered: 0, failed: 0 };
async function worker(until: number): Promise<void> {
  while (performance.now() < until) {
    const guest = guests[next % guests.length];
    next += 1;
    if (guest === undefined) return;
    if (await ask(guest)) result.answered += 1;
    else result.failed += 1;
  }
}

// Connections are open, and code is compiled, before anything is counted.
await Promise.all(guests.map(ask));
const started = performance.now();
await Promise.all(Array.from({ length: Number(atOnce) }, () => worker(started + Number(seconds) * 1000)));
const perSecond = (result.answered * 1000) / (performance.now() - started);
console.log(JSON.stringify({ ...result, perSecond }));
process.exit(0);
