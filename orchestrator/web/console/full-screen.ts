// The whole screen for the console, and every key for the guest where the browser can.

interface KeyboardLock {
  lock(): Promise<void>;
  unlock(): void;
}

function keyboardLock(): KeyboardLock | null {
  return 'keyboard' in navigator ? (navigator.keyboard as KeyboardLock) : null;
}

/** False where the browser has no full screen, as phones by Apple. */
export const hasFullScreen = document.fullscreenEnabled;

/** Goes to full screen, or leaves it. */
export async function toggleFullScreen(): Promise<void> {
  if (document.fullscreenElement !== null) {
    await document.exitFullscreen();
    return;
  }
  await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
  // Esc, Alt-Tab and the Windows key then go to the guest; Esc held for two seconds leaves.
  await keyboardLock()
    ?.lock()
    .catch(() => undefined);
}
