// Against Debian's ipmi_sim: a controller on the loopback address whose chassis is a process that really ends.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { createIpmi, type IpmiAddress, IpmiError, powerStateOf } from './ipmi.ts';

const host = createHost({ log: silentLog });
const { commands } = host;

/** A UDP port that nobody has now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** Asks for the machine's power, and kills it: a program of the test, which ipmi_sim calls with get or set. */
const chassis = (directory: string) => `#!/bin/sh
machine=$(cat ${directory}/machine)
case "$*" in
  *get*power*) if kill -0 "$machine" 2>/dev/null; then echo power:1; else echo power:0; fi ;;
  *set*power*0*) kill -KILL "$machine" ;;
esac
`;

interface Controller {
  readonly to: IpmiAddress;
  readonly machine: number;
  close(): Promise<void>;
}

async function startController(): Promise<Controller> {
  const directory = await mkdtemp('/tmp/isthmus-test-ipmi-');
  const [port, password] = [await freePort(), randomBytes(6).toString('hex')];
  await mkdir(`${directory}/state`);
  const machine = await commands.startDaemon('sleep', ['300'], { logPath: `${directory}/machine.log` });
  await writeFile(`${directory}/machine`, String(machine));
  await writeFile(`${directory}/chassis`, chassis(directory));
  await chmod(`${directory}/chassis`, 0o700);
  const configuration = `name "test"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_admin md5
    guid ${randomBytes(16).toString('hex')}
  endlan
  chassis_control "${directory}/chassis"
  user 1 false "" "" user 1 none
  user 2 true "admin" "${password}" admin 10 md5
`;
  await writeFile(`${directory}/lan.conf`, configuration);
  await writeFile(
    `${directory}/emulation`,
    'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n',
  );
  const place = ['-c', `${directory}/lan.conf`, '-f', `${directory}/emulation`, '-s', `${directory}/state`, '-n'];
  const simulator = await commands.startDaemon('ipmi_sim', place, { logPath: `${directory}/sim.log` });
  return {
    to: { address: '127.0.0.1', port, username: 'admin', password },
    machine,
    close: async () => {
      commands.signal(simulator, 'SIGKILL');
      commands.signal(machine, 'SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

test('a machine is asked for, and ends when it is switched off', async (t) => {
  const controller = await startController();
  t.teardown(() => controller.close());
  const ipmi = createIpmi(commands);
  const { to } = controller;
  let state = 'Unknown';
  for (let attempt = 0; attempt < 20 && state !== 'On'; attempt++) {
    state = await ipmi.act(to, 'STATUS').catch(() => 'Unknown');
    await sleep(100);
  }
  t.is(state, 'On');
  t.true(await commands.isRunning(controller.machine, 'sleep'));
  await ipmi.act(to, 'OFF');
  t.is(await ipmi.act(to, 'STATUS'), 'Off');
  t.false(await commands.isRunning(controller.machine, 'sleep'));

  const wrong = await t.throwsAsync(ipmi.act({ ...to, password: 'wrong' }, 'STATUS'), { instanceOf: IpmiError });
  t.regex(wrong?.message ?? '', /did not do chassis power status: .*session/);
  t.false(wrong?.message.includes('wrong'));

  await ipmi.changePassword(to, 'another-1');
  t.is(await ipmi.act({ ...to, password: 'another-1' }, 'STATUS'), 'Off');
  await t.throwsAsync(ipmi.act(to, 'STATUS'), { instanceOf: IpmiError });
});

test('the password stands in no command line', async (t) => {
  const seen: string[][] = [];
  const environments: (Readonly<Record<string, string>> | undefined)[] = [];
  const ipmi = createIpmi({
    ...commands,
    run: async (file, args, options) => {
      seen.push([file, ...args]);
      environments.push(options?.env);
      return {
        stdout: '2,admin,true,true,true,ADMINISTRATOR\nChassis Power is on\n',
        stderr: '',
        exitCode: 0,
        durationMs: 0,
      };
    },
  });
  const to = { address: '192.0.2.1', port: 623, username: 'admin', password: 'geheim-1' };
  await ipmi.act(to, 'OFF');
  await ipmi.changePassword(to, 'geheim-2');
  t.false(JSON.stringify(seen).includes('geheim'));
  t.deepEqual(environments[0], { IPMI_PASSWORD: 'geheim-1' });
});

test('a controller that does not answer is said to, within a bound', async (t) => {
  const ipmi = createIpmi(commands);
  const to = { address: '127.0.0.1', port: await freePort(), username: 'admin', password: 'x' };
  const started = performance.now();
  await t.throwsAsync(ipmi.act(to, 'OFF'), { instanceOf: IpmiError, message: /127\.0\.0\.1:\d+ did not do/ });
  t.true(performance.now() - started < 16_000);
});

test('what ipmitool says of the power is read, and nothing else is', (t) => {
  t.is(powerStateOf('Chassis Power is on\n'), 'On');
  t.is(powerStateOf('Chassis Power is off\n'), 'Off');
  t.is(powerStateOf('Chassis Power Control: Down/Off\n'), 'Unknown');
  t.is(powerStateOf(''), 'Unknown');
});
