// Reads ava's TAP output: counts the tests and prints them one by one, a failure with all its lines.

/** @typedef {{ passed: number, failed: number, skipped: number }} TestCount */

/**
 * A reader of TAP (version 13) lines.
 * @param {(line: string) => void} print receives what a person should see
 */
export function tapReader(print) {
  /** @type {TestCount} */
  const count = { passed: 0, failed: 0, skipped: 0 };
  let lastFailed = false;
  let ended = false;
  return {
    count,
    /** True once every test has reported. */
    hasEnded: () => ended,
    /** @param {string} line without its line end */
    read(line) {
      const point = /^(not )?ok \d+ - (.*)$/.exec(line);
      if (point !== null) {
        const skipped = / # (?:skip|todo)/i.test(line);
        lastFailed = point[1] !== undefined && !skipped;
        const word = skipped ? 'skipped' : lastFailed ? 'failed' : 'passed';
        count[word] += 1;
        print(`${lastFailed ? 'FAILED' : word} ${point[2]}`);
      } else if (/^1\.\.\d+$/.test(line)) {
        ended = true;
      } else if (ended) {
        // After the plan come ava's totals, which are counted here already, and the table of coverage.
        if (!line.startsWith('# ')) print(line);
      } else if (line.startsWith('  ')) {
        if (lastFailed) print(line);
      } else if (!/^(TAP version|---|# )/.test(line)) {
        print(line);
      }
    },
  };
}
