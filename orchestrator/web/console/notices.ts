// What comes from outside as JSON: checked here by hand, since the schemas of the contract are not for browsers.
import type { ConsoleMode, ConsoleViewer, ProxyNotice, ResumeAnswer } from '@isthmus/contract';

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null ? (value as Fields) : null;
}

function parse(text: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return null;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';

function isMode(value: unknown): value is ConsoleMode {
  return value === 'control' || value === 'watch';
}

function viewersOf(value: unknown): ConsoleViewer[] | null {
  if (!Array.isArray(value)) return null;
  const viewers = value.map((entry: unknown) => {
    const { user, mode } = fieldsOf(entry) ?? {};
    return isText(user) && isMode(mode) ? { user, mode } : null;
  });
  return viewers.every((viewer) => viewer !== null) ? viewers : null;
}

function openedOf(fields: Fields): ProxyNotice | null {
  const { session, machine, console: kind, mode, resume, aliveSeconds } = fields;
  const viewers = viewersOf(fields.viewers);
  if (!isText(session) || !isText(machine) || !isText(resume) || !isMode(mode) || viewers === null) return null;
  if (kind !== 'vnc' && kind !== 'serial') return null;
  const alive = typeof aliveSeconds === 'number' && aliveSeconds > 0 ? { aliveSeconds } : {};
  return { type: 'opened', session, machine, console: kind, mode, viewers, resume, ...alive };
}

/** Reads a text frame of a proxy. Null where it is none that the contract knows. */
export function readNotice(text: string): ProxyNotice | null {
  const fields = parse(text);
  if (fields === null) return null;
  const viewers = viewersOf(fields.viewers);
  switch (fields.type) {
    case 'alive':
      return { type: 'alive' };
    case 'choose':
      return viewers === null ? null : { type: 'choose', viewers };
    case 'opened':
      return openedOf(fields);
    case 'viewers':
      return viewers === null || !isMode(fields.mode) ? null : { type: 'viewers', mode: fields.mode, viewers };
    case 'ended': {
      const { reason, message, resumable } = fields;
      return isText(reason) && isText(message)
        ? { type: 'ended', reason, message, resumable: resumable === true }
        : null;
    }
    default:
      return null;
  }
}

/** Reads the answer of POST /console/resume. Null where it is none that the contract knows. */
export function readResumeAnswer(text: string): ResumeAnswer | null {
  const { state, ticket, proxy, socket, seconds, message, reason } = parse(text) ?? {};
  if (state === 'open' && isText(ticket) && isText(proxy) && isText(socket)) return { state, ticket, proxy, socket };
  if (state === 'again' && typeof seconds === 'number') return { state, seconds };
  if (state === 'refused' && isText(message)) return { state, message, ...(isText(reason) && { reason }) };
  return null;
}
