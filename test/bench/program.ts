// A program that stays in a namespace and answers this process over a Unix socket: a start costs more than what is measured.
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Host } from '@isthmus/host';
import { type Lab, waitFor } from '../lab/index.ts';

/** Sends one line and gets the answer. Throws where there is none within 30 s. */
export type Ask = (line: string) => Promise<string>;

function ask(socketPath: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const connection = connect(socketPath, () => connection.write(`${line}\n`));
    connection.setTimeout(30_000, () => connection.destroy(new Error(`${socketPath}: no answer to ${line} in 30 s`)));
    connection.setEncoding('utf8').on('data', (part: string) => {
      answer += part;
    });
    connection.on('error', reject);
    connection.on('end', () => resolve(answer.trim()));
  });
}

/** Starts `lab/programs/PROGRAM.ts` in a namespace; `name` tells several apart. It ends with the lab. */
export async function startProgram(lab: Lab, host: Host, program: string, name = program): Promise<Ask> {
  const file = fileURLToPath(new URL(`../lab/programs/${program}.ts`, import.meta.url));
  const socketPath = `${lab.run}/${name}.sock`;
  const { logPath } = await lab.startDaemon(host, process.execPath, [file, socketPath]);
  await waitFor(`${name} listens`, async () =>
    ((await lab.machine.files.readTextIfExists(logPath)) ?? '').includes('ready'),
  );
  return (line) => ask(socketPath, line);
}
