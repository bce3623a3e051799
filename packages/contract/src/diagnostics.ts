// What runDiagnostics may ask of a router: tools, and the few options of theirs that neither write, nor flood, nor pretend
// to be somebody else. Checked by the orchestrator, which names the word, and again by the agent.

/** CloudStack's types of a diagnosis. */
export const diagnosticTools = ['ping', 'traceroute', 'arping'] as const;
/** A type of a diagnosis. */
export type DiagnosticTool = (typeof diagnosticTools)[number];

/** Seconds after which a diagnosis is ended. */
export const diagnosticSeconds = 60;
/** Characters of each of its outputs that are kept. */
export const diagnosticOutputLimit = 65_536;

/** A number within bounds, the name of a NIC, one of these words, or no value at all. */
type OptionValue =
  | { readonly kind: 'number'; readonly min: number; readonly max: number; readonly isWhole: boolean }
  | { readonly kind: 'nic' }
  | { readonly kind: 'word'; readonly words: readonly string[] }
  | { readonly kind: 'flag' };

const whole = (min: number, max: number): OptionValue => ({ kind: 'number', min, max, isWhole: true });
const flag: OptionValue = { kind: 'flag' };
const nic: OptionValue = { kind: 'nic' };

/** ping(8), traceroute(8) and arping(8) of Debian 12. */
const options: Readonly<Record<DiagnosticTool, Readonly<Record<string, OptionValue>>>> = {
  ping: {
    '-c': whole(1, 100),
    '-i': { kind: 'number', min: 0.2, max: 10, isWhole: false },
    '-W': { kind: 'number', min: 0.1, max: 30, isWhole: false },
    '-s': whole(0, 65_507),
    '-t': whole(1, 255),
    '-M': { kind: 'word', words: ['do', 'want', 'dont'] },
    '-I': nic,
    '-n': flag,
    '-D': flag,
  },
  traceroute: {
    '-m': whole(1, 64),
    '-q': whole(1, 5),
    '-p': whole(1, 65_535),
    '-i': nic,
    '-n': flag,
    '-I': flag,
    '-T': flag,
    '-U': flag,
  },
  arping: {
    '-c': whole(1, 100),
    '-I': nic,
    '-b': flag,
    '-f': flag,
  },
};

function expectedOf(tool: DiagnosticTool): string {
  return Object.keys(options[tool]).join(', ');
}

function valueFault(option: string, value: string | undefined, { kind, ...rest }: OptionValue): string | null {
  if (value === undefined) return `${option}: expected a value after it`;
  if (kind === 'nic') {
    return /^(?:eth\d{1,2}|lo)$/.test(value) ? null : `${option} ${value}: expected a NIC of the router, such as eth0`;
  }
  if (kind === 'word' && 'words' in rest) {
    return rest.words.includes(value) ? null : `${option} ${value}: expected one of ${rest.words.join(', ')}`;
  }
  if (!('min' in rest)) return null;
  const { min, max, isWhole } = rest;
  const isNumber = (isWhole ? /^\d{1,6}$/ : /^\d{1,3}(?:\.\d{1,3})?$/).test(value);
  const isWithin = isNumber && Number(value) >= min && Number(value) <= max;
  return isWithin
    ? null
    : `${option} ${value}: expected ${isWhole ? 'a whole number' : 'a number'} from ${min} to ${max}`;
}

/** Why a tool may not be given these words; null where it may. `-c5` is two words in one, as getopt(3) has it. */
export function diagnosticFault(tool: DiagnosticTool, words: readonly string[]): string | null {
  const known = options[tool];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const name = word.slice(0, 2);
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (option === undefined) return `${word}: expected an option of ${tool} among ${expectedOf(tool)}`;
    if (option.kind === 'flag') {
      if (word !== name) return `${word}: expected ${name} by itself`;
      continue;
    }
    const isJoined = word.length > 2;
    const fault = valueFault(name, isJoined ? word.slice(2) : words[at + 1], option);
    if (fault !== null) return fault;
    if (!isJoined) at += 1;
  }
  return null;
}
