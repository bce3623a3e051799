// What a person chose, kept by the browser for the next console.

/** How a screen fills its place: shrunk or grown to it, point by point, or the guest takes the size of the place. */
export type Scaling = 'fit' | 'actual' | 'match';

/** Choices, all with a default. */
export interface Preferences {
  readonly scaling: Scaling;
  /** Id of the guest's keyboard layout. */
  readonly layout: string;
  /** Characters a second, for typing. */
  readonly speed: number;
  /** Of the serial console, in pixels. */
  readonly fontSize: number;
}

const key = 'isthmus.console';

/** The layout that a guest of this person most likely has, by the browser's language. */
function likelyLayout(): string {
  const [language = 'en', region = ''] = navigator.language.toLowerCase().split('-');
  const byRegion: Readonly<Record<string, string>> = { gb: 'gb', ch: 'ch', be: 'be', br: 'br' };
  const byLanguage: Readonly<Record<string, string>> = { da: 'dk', ja: 'jp', nb: 'no', nn: 'no', sv: 'se' };
  const same = ['de', 'fr', 'es', 'it', 'pt', 'fi', 'no', 'pl'].includes(language) ? language : 'us';
  return byRegion[region] ?? byLanguage[language] ?? same;
}

/** What was chosen; defaults for the rest. A browser that keeps nothing gives defaults. */
export function readPreferences(): Preferences {
  const defaults: Preferences = { scaling: 'fit', layout: likelyLayout(), speed: 20, fontSize: 15 };
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Record<keyof Preferences, unknown>>;
    const { scaling, layout, speed, fontSize } = kept;
    return {
      scaling: scaling === 'fit' || scaling === 'actual' || scaling === 'match' ? scaling : defaults.scaling,
      layout: typeof layout === 'string' ? layout : defaults.layout,
      speed: typeof speed === 'number' && speed >= 1 && speed <= 100 ? speed : defaults.speed,
      fontSize: typeof fontSize === 'number' && fontSize >= 8 && fontSize <= 32 ? fontSize : defaults.fontSize,
    };
  } catch {
    return defaults;
  }
}

/** Keeps choices beside those that were made before. */
export function keepPreferences(changed: Partial<Preferences>): void {
  try {
    localStorage.setItem(key, JSON.stringify({ ...readPreferences(), ...changed }));
  } catch {
    // A browser may refuse to keep anything; the choice then lasts as long as the page.
  }
}
