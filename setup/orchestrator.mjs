// Runs the orchestrator's program in this process's place, as far as Node allows it.
import { spawn } from 'node:child_process';
import { exitCodeOf, pinnedNode, root } from './repository.mjs';

/**
 * A Ctrl-C reaches this process twice: from the terminal, and from npm, which forwards it. The second one within this
 * time is the same key press.
 */
const sameSignalMs = 1000;

/**
 * Starts orchestrator/main.ts, forwards each signal once and waits.
 * @param {readonly string[]} args
 * @returns {Promise<number>} its exit code
 */
export function runOrchestrator(args) {
  return new Promise((resolve, reject) => {
    // In a process group of its own, so that the terminal's Ctrl-C comes through here only.
    const child = spawn(pinnedNode, ['orchestrator/main.ts', ...args], { cwd: root, stdio: 'inherit', detached: true });
    let lastSignalAt = -sameSignalMs;
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      const now = performance.now();
      if (now - lastSignalAt < sameSignalMs) return;
      lastSignalAt = now;
      child.kill(signal);
    };
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
}
