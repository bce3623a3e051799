import test from 'ava';
import { withoutQueries } from './terminal-queries.ts';

const esc = '\u001b';
const kept = (text: string) => withoutQueries(Buffer.from(text, 'latin1')).toString('latin1');

for (const query of [
  `${esc}[6n`,
  `${esc}[?6n`,
  `${esc}[5n`,
  `${esc}[c`,
  `${esc}[>0c`,
  `${esc}[=c`,
  `${esc}Z`,
  `${esc}[1x`,
  `${esc}[?25$p`,
  `${esc}[18t`,
  `${esc}P$qm${esc}\\`,
  `${esc}]10;?\u0007`,
  `${esc}]4;1;?${esc}\\`,
]) {
  test(`what a terminal would answer is not shown again: ${JSON.stringify(query)}`, (t) => {
    t.is(kept(`before${query}after`), 'beforeafter');
  });
}

test('all else is, byte by byte: text, colours, moves, titles, what is no UTF-8', (t) => {
  const shown = `\u00ff\u00e9~ # ${esc}[J${esc}[1;31mred${esc}[0m${esc}[2A${esc}]0;a title\u0007${esc}[?25l100n\r\n`;
  t.is(kept(shown), shown);
});
