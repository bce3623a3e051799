// What a person sees and does on the page of a console, for tests: by the words and the names that stand there.
import type { Page } from 'playwright-core';

const patienceMs = 20_000;

/** Waits until the state in the bar reads so. */
export async function waitForState(page: Page, words: string | RegExp, timeout = patienceMs): Promise<void> {
  await page.locator('.bar .state', { hasText: words }).waitFor({ timeout });
}

/** Waits until a screen or a terminal is shown. */
export async function waitForConsole(page: Page, timeout = patienceMs): Promise<void> {
  await page.locator('body[data-shown]').waitFor({ timeout });
}

/** Waits for a card with this title; answers with its whole text. */
export async function waitForCard(page: Page, title: string | RegExp, timeout = patienceMs): Promise<string> {
  const card = page.locator('.card', { has: page.getByRole('heading', { name: title }) });
  await card.waitFor({ timeout });
  return (await card.textContent()) ?? '';
}

/** Presses the button of that name. */
export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).first().click();
}

/** A picture: three bytes a point, by rows. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly points: Uint8Array;
}

/** What the canvas of the console holds, point by point as the guest drew it. */
export async function pictureOf(page: Page): Promise<Picture> {
  const script = `(() => {
    const shown = document.querySelector('.view canvas');
    const copy = Object.assign(document.createElement('canvas'), { width: shown.width, height: shown.height });
    const context = copy.getContext('2d', { willReadFrequently: true });
    context.drawImage(shown, 0, 0);
    const { width, height, data } = context.getImageData(0, 0, copy.width, copy.height);
    let text = '';
    for (let at = 0; at < data.length; at += 4) text += String.fromCharCode(data[at], data[at + 1], data[at + 2]);
    return { width, height, points: btoa(text) };
  })()`;
  const { width, height, points } = await page.evaluate<{ width: number; height: number; points: string }>(script);
  return { width, height, points: new Uint8Array(Buffer.from(points, 'base64')) };
}

/** Part of the points that differ, from 0 to 1; 1 where the sizes do. */
function difference(left: Picture, right: Picture): number {
  if (left.width !== right.width || left.height !== right.height) return 1;
  let differing = 0;
  for (let at = 0; at < left.points.length; at += 3) {
    const isSame = [0, 1, 2].every((index) => left.points[at + index] === right.points[at + index]);
    if (!isSame) differing += 1;
  }
  return differing / (left.width * left.height);
}

/** Waits until the canvas shows what `wanted` gives; answers with the last difference where it never does. */
export async function waitForPicture(
  page: Page,
  wanted: () => Promise<Picture>,
  timeoutMs = patienceMs,
): Promise<number> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const left = difference(await pictureOf(page), await wanted());
    if (left === 0 || performance.now() > end) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Types a text by the panel Type text, on a keyboard layout of the guest, and waits until all of it is sent. */
export async function typeByPanel(page: Page, text: string, layout = 'us'): Promise<void> {
  await press(page, 'Type text');
  await page.getByLabel('Keyboard of the guest').selectOption(layout);
  await page.getByRole('textbox', { name: 'Text to type' }).fill(text);
  await press(page, 'Type it');
  // What was typed is cleared.
  await page.locator('textarea:placeholder-shown').waitFor({ timeout: 60_000 });
  await page.getByRole('dialog', { name: 'Type text' }).getByRole('button', { name: 'Close' }).click();
}

/** The text of a serial console, as far as it is on the screen. */
export async function terminalText(page: Page): Promise<string> {
  return (await page.locator('.xterm-rows > div').allInnerTexts()).join('\n');
}
