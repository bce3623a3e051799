import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import test from 'ava';
import { createHost, createNamespaceHost, type Host, ListenError, silentLog } from './index.ts';

const root = createHost({ log: silentLog });

/** A namespace with its loopback up; gone afterwards. */
async function withNamespace(use: (host: Host, name: string) => Promise<void>): Promise<void> {
  const name = `ithtest-${randomBytes(5).toString('hex')}`;
  await root.commands.run('ip', ['netns', 'add', name]);
  try {
    await root.commands.run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    await use(createNamespaceHost(root, name), name);
  } finally {
    await root.commands.run('ip', ['netns', 'delete', name]);
  }
}

/** Serves HTTP on the sockets with a word each; answers with what ends it. */
async function serve(host: Host, ports: readonly number[]): Promise<() => void> {
  const handles = await host.sockets.listen(ports.map((port) => ({ address: '127.0.0.1', port })));
  const servers = handles.map((handle, index) => {
    const server = createServer((request, response) => response.end(`${ports[index]} ${request.socket.localPort}`));
    server.listen(handle);
    return server;
  });
  return () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
}

const ask = async (host: Host, port: number) =>
  (await host.commands.run('curl', ['-s', '-m', '5', `http://127.0.0.1:${port}/`], { okCodes: [0, 7] })).stdout;

/** True where something of this process's own namespace listens there. */
function isOpenHere(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('sockets of another namespace are served by this process, and by no other door', async (t) => {
  await withNamespace(async (host) => {
    const end = await serve(host, [41_080, 41_081, 41_082]);
    for (const port of [41_080, 41_081, 41_082]) {
      t.is(await ask(host, port), `${port} ${port}`);
      t.false(await isOpenHere(port));
    }
    end();
    t.is(await ask(host, 41_080), '');
  });
});

test('an endpoint that is taken, or of no interface, is refused with its name, and none is left open', async (t) => {
  await withNamespace(async (host) => {
    const end = await serve(host, [41_090]);
    const both = [
      { address: '127.0.0.1', port: 41_091 },
      { address: '127.0.0.1', port: 41_090 },
    ];
    const taken = await t.throwsAsync(host.sockets.listen(both), { instanceOf: ListenError });
    t.regex(taken.message, /127\.0\.0\.1:41090.*EADDRINUSE/);
    t.is(await ask(host, 41_091), '');
    await t.throwsAsync(host.sockets.listen([{ address: '192.0.2.1', port: 41_092 }]), { message: /EADDRNOTAVAIL/ });
    end();
    const again = await serve(host, [41_090]);
    t.is(await ask(host, 41_090), '41090 41090');
    again();
  });
});

test('a namespace that is not there is refused', async (t) => {
  const host = createNamespaceHost(root, 'ithtest-absent');
  await t.throwsAsync(host.sockets.listen([{ address: '127.0.0.1', port: 41_100 }]), {
    instanceOf: ListenError,
    message: /ithtest-absent/,
  });
});

test('the namespace ends, with its devices, once its name is gone and the sockets are closed', async (t) => {
  await withNamespace(async (beside, besideName) => {
    const links = async () => (await beside.commands.run('ip', ['-o', 'link'])).stdout;
    let end = () => {};
    await withNamespace(async (host, name) => {
      const pair = ['link', 'add', 'in', 'type', 'veth', 'peer', 'name', 'out', 'netns', besideName];
      await root.commands.run('ip', ['-n', name, ...pair]);
      end = await serve(host, [41_110]);
      t.is(await ask(host, 41_110), '41110 41110');
    });
    t.regex(await links(), / out@/);
    end();
    for (let tries = 0; tries < 500 && / out@/.test(await links()); tries += 1) await root.clock.sleep(10);
    t.notRegex(await links(), / out@/);
  });
});

test('sockets of the own namespace', async (t) => {
  const [handle] = await root.sockets.listen([{ address: '127.0.0.1', port: 0 }]);
  t.true(handle?.listening);
  handle?.close();
});

/** Connects every few milliseconds until somebody answered; prints how many were, and how many stayed open without a word. */
const eager = `
  const { connect } = require('node:net');
  const counts = { answered: 0, ended: 0, silent: 0 };
  const [enough, most] = [Date.now() + 1500, Date.now() + 30000];
  (function again() {
    const socket = connect(41120, '127.0.0.1', () => socket.write('GET / HTTP/1.0\\r\\n\\r\\n'));
    let state = 'ended';
    const timer = setTimeout(() => { state = 'silent'; socket.destroy(); }, 5000);
    socket.on('data', () => { state = 'answered'; });
    socket.on('error', () => {});
    socket.on('close', () => { counts[state] += 1; clearTimeout(timer); });
    if (Date.now() < (counts.answered > 0 ? enough : most)) setTimeout(again, 2);
  })();
  process.on('exit', () => console.log(JSON.stringify(counts)));
`;

test('who connects while sockets are opened is answered or turned away, and the sockets can be closed', async (t) => {
  await withNamespace(async (host) => {
    let isDone = false;
    const counted = host.commands.run(process.execPath, ['-e', eager], { timeoutMs: 60_000 }).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      const [handle] = await host.sockets.listen([{ address: '127.0.0.1', port: 41_120 }]);
      if (handle === undefined) return t.fail();
      const server = createServer((_request, response) => response.end('here'));
      handle.on('connection', (socket) => server.emit('connection', socket));
      await root.clock.sleep(50);
      const closed = new Promise((resolve) => handle.close(resolve));
      server.closeAllConnections();
      await closed;
    }
    const counts = JSON.parse((await counted).stdout) as Record<string, number>;
    t.is(counts.silent, 0);
    t.true((counts.answered ?? 0) > 0);
  });
});
