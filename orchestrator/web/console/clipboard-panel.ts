// The clipboards of the browser and of the guest, side by side.
import { button, element } from './dom.ts';

/** What the panel does with the guest. */
export interface ClipboardPanel {
  readonly content: readonly HTMLElement[];
  /** The guest has copied something. */
  received(text: string): void;
}

/** Writes to the browser's clipboard; false where the browser does not let it. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Makes the panel. `give` hands a text to the guest. */
export function createClipboardPanel(give: (text: string) => void, say: (words: string) => void): ClipboardPanel {
  const field = (label: string, readOnly: boolean) =>
    element('textarea', { rows: 4, spellcheck: 'false', autocomplete: 'off', readonly: readOnly, 'aria-label': label });
  const theirs = field('Copied in the guest', true);
  const ours = field('For the guest', false);
  const copy = async () => {
    if (await copyText(theirs.value)) return say('Copied');
    theirs.select();
    say('Your browser does not let pages copy here. Press Ctrl-C.');
  };
  const fill = async () => {
    try {
      ours.value = await navigator.clipboard.readText();
      give(ours.value);
      say('Given to the guest');
    } catch {
      ours.focus();
      say('Your browser does not let pages read the clipboard here. Press Ctrl-V in the field.');
    }
  };
  const send = () => {
    give(ours.value);
    say('Given to the guest');
  };
  const content = [
    element('h3', {}, 'Copied in the guest'),
    theirs,
    element('div', { class: 'actions' }, button({ label: 'Copy', icon: 'copy', press: () => void copy() })),
    element('h3', {}, 'For the guest'),
    ours,
    element(
      'div',
      { class: 'actions' },
      button({ label: 'Take my clipboard', press: () => void fill() }),
      button({ label: 'Give to the guest', class: 'primary', press: send }),
    ),
    element(
      'p',
      { class: 'hint' },
      'A guest shares its clipboard where it runs an agent for that, such as spice-vdagent. Where nothing arrives, use Type text.',
    ),
  ];
  return {
    content,
    received: (text) => {
      theirs.value = text;
    },
  };
}
