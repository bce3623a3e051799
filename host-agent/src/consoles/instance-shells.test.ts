// The shell of an instance, and what somebody hostile tries in it. An instance is a namespace on a wire to a neighbour.
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { createHost, createNamespaceHost, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { installInstancePrograms } from '../drivers/namespace/instance-daemons.ts';
import { removeNamespaces } from '../drivers/namespace/namespaces.ts';
import { processesOf } from '../drivers/namespace/processes.ts';
import { namespaceName, shortId } from '../wiring/names.ts';
import { InstanceShells, shellUser } from './instance-shells.ts';
import { NamespaceConsoles } from './machine-consoles.ts';

const machine = createHost({ log: silentLog });
const { commands } = machine;
const patienceMs = 60_000;

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The command line of a process; '' where it has ended. */
function wordsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Somebody who looks at a shell and types. */
class Viewer {
  text = '';
  readonly stream: Duplex;

  constructor(stream: Duplex) {
    this.stream = stream;
    stream.setEncoding('utf8').on('data', (part: string) => {
      this.text += part;
    });
    stream.on('error', () => undefined);
  }

  /** What a command prints; `status` is what it ends with. */
  async run(command: string): Promise<{ output: string; status: number }> {
    const mark = randomBytes(4).toString('hex');
    const begin = this.text.length;
    this.stream.write(`echo beg''in-${mark}; ${command}\necho en''d-${mark}-$?\n`);
    await until(command, () => new RegExp(`end-${mark}-\\d+`).test(this.text.slice(begin)));
    const text = stripVTControlCharacters(this.text.slice(begin)).replaceAll('\r', '');
    const [, output = '', status = ''] = new RegExp(`begin-${mark}\n(.*?)end-${mark}-(\\d+)`, 's').exec(text) ?? [];
    // What was typed is seen too.
    return { output: output.replaceAll(/^.*echo en''d-.*\n/gm, ''), status: Number(status) };
  }
}

interface Place {
  readonly id: string;
  readonly directory: string;
  readonly namespace: string;
  readonly shells: InstanceShells;
  readonly consoles: NamespaceConsoles;
  /** Another viewer of the instance's console. */
  view(): Promise<Viewer>;
}

async function place(t: ExecutionContext): Promise<Place> {
  const installation = `t${randomBytes(2).toString('hex').slice(0, 3)}`;
  const id = randomUUID();
  const directory = await mkdtemp(join(tmpdir(), 'ith-shell-'));
  await chmod(directory, 0o755);
  const namespace = namespaceName(installation, 'i', id);
  const neighbour = `${namespace}-n`;
  const [state, run] = [`${directory}/state`, `${directory}/run`];
  for (const each of [namespace, neighbour]) await commands.run('ip', ['netns', 'add', each]);
  const lines = [
    `-netns ${namespace} link set dev lo up`,
    `-netns ${namespace} link add name eth0 type veth peer name eth0 netns ${neighbour}`,
  ];
  for (const [name, address] of [
    [namespace, '10.1.0.5/24'],
    [neighbour, '10.1.0.1/24'],
  ]) {
    lines.push(`-netns ${name} address add ${address} dev eth0`, `-netns ${name} link set dev eth0 up`);
  }
  for (const line of lines) await commands.run('ip', line.split(' '));
  await machine.files.makeDirectory(`/etc/netns/${namespace}`);
  await writeFile(`/etc/netns/${namespace}/resolv.conf`, 'nameserver 10.1.0.1\n');
  await installInstancePrograms(machine, `${state}/instance-programs`);
  const shells = new InstanceShells({ host: machine, installation, state, run, hostnameOf: () => 'web-1' });
  const consoles = new NamespaceConsoles(shells);
  t.teardown(async () => {
    consoles.end();
    await removeNamespaces(commands, [namespace, neighbour]);
    await rm(`/etc/netns/${namespace}`, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  });
  const view = async () => {
    const source = await consoles.source({ machine: 'instance', id, console: 'serial' });
    return new Viewer(await source.open());
  };
  return { id, directory, namespace, shells, consoles, view };
}

test('a shell is on a terminal, in the instance and its network', async (t) => {
  const { view, namespace } = await place(t);
  const server = `${namespace}-n`;
  const inside = createNamespaceHost(machine, server);
  const daemon = (file: string, args: string[]) => inside.commands.startDaemon(file, args, { logPath: '/dev/null' });
  await daemon('busybox', ['httpd', '-f', '-p', '10.1.0.1:80', '-h', '/usr/share/doc/busybox']);
  const names = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file='];
  await daemon('dnsmasq', [...names, '--listen-address=10.1.0.1', '--address=/web.example/10.1.0.1']);
  const viewer = await view();
  const { output: who } = await viewer.run('tty; id -u; hostname; pwd; stty size; echo $TERM $HOME');
  t.is(who, '/dev/console\n1000\nweb-1\n/home\n24 80\nlinux /home\n');
  t.regex((await viewer.run('ip -4 address show dev eth0')).output, /inet 10\.1\.0\.5\/24/);
  const { output: pinged, status } = await viewer.run('ping -c 1 -W 5 10.1.0.1');
  t.is(status, 0, pinged);
  await until('names are answered', async () => (await viewer.run('nslookup web.example')).output.includes('10.1.0.1'));
  const { output: fetched } = await viewer.run('wget -q -O - http://web.example/copyright | head -n 1');
  t.true(fetched.length > 1, fetched);
  t.deepEqual(await viewer.run('echo kept >note && cat note'), { output: 'kept\n', status: 0 });
  // Control characters do what they do on a terminal.
  viewer.stream.write('sleep 1000\n');
  const lines = () => (processesOf([namespace]).get(namespace) ?? []).map(wordsOf);
  await until('it sleeps', () => lines().some((line) => line === 'sleep 1000'));
  viewer.stream.write('\x03');
  t.is((await viewer.run('echo again')).output, 'again\n');
});

test('all viewers see one shell, which stays when nobody looks, and ends with `exit` and with its instance', async (t) => {
  const { view, namespace } = await place(t);
  const one = await view();
  await one.run('word=shared');
  const two = await view();
  await until('the history', () => two.text.includes('word=shared'));
  t.is((await two.run('echo $word')).output, 'shared\n');
  await until('both see it', () => one.text.includes('echo $word'));
  one.stream.destroy();
  two.stream.destroy();
  const three = await view();
  t.is((await three.run('echo $word')).output, 'shared\n');
  three.stream.write('exit\n');
  await until('its end', () => three.stream.destroyed);
  const four = await view();
  t.is((await four.run('echo "<$word>"')).output, '<>\n');
  await removeNamespaces(commands, [namespace]);
  await until('the end of all', () => four.stream.destroyed);
  t.deepEqual(processesOf([namespace]).get(namespace), []);
});

test('the end of who looks is the end of the shell', async (t) => {
  const { shells, id, namespace } = await place(t);
  const viewer = new Viewer(await shells.start(id));
  await viewer.run('sleep 1000 & sleep 1000 &');
  t.true((processesOf([namespace]).get(namespace) ?? []).length > 3);
  viewer.stream.destroy();
  await until('no process is left', () => (processesOf([namespace]).get(namespace) ?? []).length === 0);
});

test('nothing of the host is to be seen, and nothing of it to be written', async (t) => {
  const { view, directory } = await place(t);
  const socket = join(directory, 'host-agent.sock');
  let knocks = 0;
  const server = createServer(() => {
    knocks += 1;
  });
  server.listen(socket);
  const abstract = createServer(() => {
    knocks += 1;
  });
  const name = `isthmus-${randomBytes(4).toString('hex')}`;
  abstract.listen(`\0${name}`);
  await Promise.all([once(server, 'listening'), once(abstract, 'listening')]);
  await chmod(socket, 0o777);
  t.teardown(() => [server, abstract].map((each) => each.close()));
  const viewer = await view();
  const run = async (command: string) => (await viewer.run(command)).output;
  t.is(await run('echo /*'), '/bin /dev /etc /home /lib /lib64 /proc /usr\n');
  t.regex(await run('cat /etc/shadow'), /No such file/);
  t.notRegex(await run('cat /etc/passwd'), /root/);
  t.regex(await run(`ls ${directory}`), /No such file/);
  for (const path of ['/run', '/var', '/root', '/sys', '/work', '/tmp']) t.regex(await run(`ls ${path}`), /No such/);
  // Processes: its own alone, also by number.
  const pids = (await run('ls /proc')).split(/\s+/).filter((each) => /^\d+$/.test(each));
  t.true(pids.length < 6, pids.join(' '));
  t.regex(await run(`kill -9 ${process.pid}`), /No such process/);
  t.regex(await run('cat /proc/1/root/etc/shadow; ls /proc/1/cwd/ /proc/1/fd/'), /No such file|Permission denied/);
  // What those who started it hold open, and their environment.
  const opened = await run('for fd in /proc/$$/fd/* /proc/1/fd/*; do readlink $fd; done | sort -u');
  t.is(opened.replaceAll(/^(\/dev\/(tty|console|pts\/\d+)|anon_inode:\[eventfd\])\n/gm, ''), '', opened);
  t.notRegex(await run('cat /proc/1/environ'), /isthmus|SOCAT/i);
  t.is(await run('cat /proc/cmdline /proc/kallsyms /proc/keys 2>/dev/null'), '');
  // Sockets: neither by path nor by an abstract name, which belongs to the network.
  t.not((await viewer.run(`nc local:${socket} </dev/null`)).status, 0);
  t.notRegex(await run('cat /proc/net/unix'), new RegExp(name));
  t.is(knocks, 0);
  // Files: a root that nobody writes to, and a home where nothing is executed.
  for (const path of ['/bin', '/etc', '/dev', '/dev/shm', '/usr/bin', '/lib', '/proc', '/etc/network']) {
    t.regex(await run(`touch ${path}/x`), /Read-only|Permission denied|No such file/, path);
  }
  t.regex(await run('cp /bin/busybox b; chmod 755 b; ./b true'), /Permission denied/);
  t.regex(await run('/lib64/ld-linux-x86-64.so.2 ./b true'), /Operation not permitted|failed to map/);
  t.regex(await run('echo x >/proc/sys/kernel/core_pattern'), /Permission denied|nonexistent|Read-only/);
  t.regex(await run('echo b >/proc/sysrq-trigger'), /Permission denied|nonexistent|Read-only/);
  t.regex(await run('mknod disk b 254 0'), /Operation not permitted/);
  const ends = await run('dd if=/dev/zero of=fill bs=1M count=64; ls -l fill; rm fill');
  t.regex(ends, /No space|File size limit|File too large/);
  const many = await run('i=0; while [ $i -lt 3000 ]; do : >f$i; i=$((i+1)); done; rm -f f*');
  t.regex(many, /can't create f(9\d\d|1\d\d\d): No space/);
});

test('no privilege is to be had', async (t) => {
  const { view, id, namespace } = await place(t);
  const viewer = await view();
  const run = async (command: string) => (await viewer.run(command)).output;
  t.is(
    await run("grep -h Cap /proc/self/status | tr -d '0\\t' | sort -u"),
    'CapAmb:\nCapBnd:\nCapEff:\nCapInh:\nCapPrm:\n',
  );
  t.regex(await run('grep NoNewPrivs /proc/self/status'), /1/);
  for (const [command, refusal] of [
    ['unshare -U id', /unshare/],
    ['unshare -n id', /Operation not permitted/],
    ['nsenter -t 1 -n id', /nsenter/],
    ['mount -t proc proc /home', /permission denied|Operation not permitted|must be superuser/i],
    ['umount /home', /Operation not permitted|must be superuser|Invalid/],
    ['mount -o remount,rw /', /permission denied|Operation not permitted|must be superuser/i],
    ['chroot /home /bin/sh', /Operation not permitted/],
    ['su -c id', /not found|must be suid|denied/],
    ['ip link set dev eth0 down', /Operation not permitted/],
    ['ip address add 10.1.0.9/24 dev eth0', /Operation not permitted/],
    ['sysctl -w net.ipv4.ip_forward=1', /Read-only|Permission denied/],
    ['httpd -p 80 -h /home', /Permission denied/],
    ['hostname other', /Operation not permitted|must be root/],
    ['renice -n -20 1', /Permission denied|Operation not permitted/],
    ['reboot -f', /Operation not permitted|must be/],
    ['devmem 0', /No such file/],
  ] as const) {
    const { output, status } = await viewer.run(`${command} 2>&1`);
    t.regex(output, refusal, command);
    t.not(status, 0, command);
  }
  // As the host sees them: a user of no account, in no namespace of the host's but the instance's network.
  const own = await readdir('/proc/self/ns');
  const pids = processesOf([namespace]).get(namespace) ?? [];
  const words = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8')] as const),
  );
  const shell = words.find(([, line]) => line.startsWith('/bin/sh'))?.[0];
  t.truthy(shell);
  const status = await readFile(`/proc/${shell}/status`, 'utf8');
  t.regex(status, new RegExp(`^Uid:\\s+${shellUser(id)}\\s+${shellUser(id)}\\s`, 'm'));
  t.is((await readFile(`/proc/${shell}/oom_score_adj`, 'utf8')).trim(), '1000');
  const linkOf = async (of: string, kind: string) =>
    (await commands.run('readlink', [`/proc/${of}/ns/${kind}`])).stdout;
  for (const kind of own.filter((each) => !each.endsWith('_for_children') && each !== 'time')) {
    t.not(await linkOf(`${shell}`, kind), await linkOf('self', kind), kind);
  }
});

test('a fork bomb ends within the shell', async (t) => {
  const { view, consoles, namespace } = await place(t);
  const viewer = await view();
  viewer.stream.write('bomb() { bomb | bomb & }; bomb\n');
  let most = 0;
  await until('the bound', () => {
    most = Math.max(most, (processesOf([namespace]).get(namespace) ?? []).length);
    return viewer.text.includes("can't fork");
  });
  // bwrap, socat and the shell itself besides.
  t.true(most <= 40, `${most} processes`);
  consoles.end();
  await until('no process is left', () => (processesOf([namespace]).get(namespace) ?? []).length === 0);
});

test('one who eats memory is refused it, and two instances are two users', async (t) => {
  const { view, id } = await place(t);
  const viewer = await view();
  const { output } = await viewer.run('dd if=/dev/zero of=/dev/null bs=200M count=1');
  t.regex(output, /memory|exhausted/i);
  t.is((await viewer.run('echo alive')).output, 'alive\n');
  t.not(shellUser(id), shellUser(randomUUID()));
  t.is(shellUser(id), 0x5000_0000 + (Number.parseInt(shortId(id), 16) % 0x1000_0000));
});
