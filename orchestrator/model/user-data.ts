// User data: what an instance's cloud-init reads. CloudStack's rules of how a template's and an instance's own combine.
import { InvalidValueError } from '@isthmus/net';

/** What an instance's own user data does to that of its template. */
export const userDataPolicies = ['ALLOWOVERRIDE', 'APPEND', 'DENYOVERRIDE'] as const;
/** What an instance's own user data does to that of its template (`userdatapolicy`). */
export type UserDataPolicy = (typeof userDataPolicies)[number];

/** Longest user data in characters of Base64: what a POST carries. The setting vm.userdata.max.length allows less. */
export const longestUserData = 1_048_576;

/** Reads user data in Base64, also in its URL-safe alphabet and without padding; answers in the plain one. Throws InvalidValueError. */
export function parseUserData(text: string): string {
  // Clients leave the + of Base64 unescaped in the URL, where it means a space.
  const data = text.replaceAll(' ', '+').replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const padding = /=*$/.exec(text)?.[0].length ?? 0;
  const isBase64 = /^[A-Za-z0-9+/]*$/.test(data) && data.length % 4 !== 1 && padding <= 2;
  if (!isBase64) throw new InvalidValueError(text, 'user data in Base64');
  return data.padEnd(Math.ceil(data.length / 4) * 4, '=');
}

/** Variables of user data (`params`): names of meta-data items, comma-separated. Throws InvalidValueError. */
export function parseUserDataParams(text: string): string {
  const names = text.split(',').map((name) => name.replaceAll(/^ +| +$/g, ''));
  const wrong = names.find((name) => !isDetailName(name));
  if (wrong !== undefined)
    throw new InvalidValueError(text, 'names of letters, digits, _ and -, comma-separated, at most 64 characters each');
  return names.join(',');
}

/** True for the name of a variable: it becomes a path, so it is a plain word. */
export function isDetailName(name: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name);
}

/** True for the value of a variable: one line. */
export function isDetailValue(value: string): boolean {
  return value.length <= 255 && /^[^\p{Cc}"\\]*$/u.test(value);
}

/** The content types that cloud-init tells by the first line (cloudinit/user_data.py). */
const types: readonly (readonly [RegExp, string])[] = [
  [/^#cloud-config/, 'text/cloud-config'],
  [/^#!/, 'text/x-shellscript'],
  [/^#include/, 'text/x-include-url'],
  [/^#cloud-boothook/, 'text/cloud-boothook'],
  [/^#part-handler/, 'text/part-handler'],
  [/^## template: ?jinja/, 'text/jinja2'],
];

function partOf(data: string): { readonly type: string; readonly data: string } | null {
  const text = Buffer.from(data, 'base64').toString('latin1');
  const type = types.find(([begin]) => begin.test(text))?.[1];
  return type === undefined ? null : { type, data };
}

/**
 * What an instance reads: `own` over or after that of its template, as the policy says. Both Base64. Throws
 * InvalidValueError with what `own` would have to be.
 */
export function combineUserData(
  template: { readonly data: string; readonly policy: UserDataPolicy } | null,
  own: string | null,
): string | null {
  if (template === null) return own;
  if (own === null) return template.data;
  if (template.policy === 'ALLOWOVERRIDE') return own;
  if (template.policy === 'DENYOVERRIDE')
    throw new InvalidValueError(own, 'none: that of the template denies override');
  const parts = [partOf(template.data), partOf(own)];
  const boundary = 'isthmus-user-data-part';
  const lines = parts.flatMap((part) => {
    if (part === null) throw new InvalidValueError(own, 'one that can be appended: both a script or a #cloud-config');
    const wrapped = part.data.match(/.{1,76}/g) ?? [];
    return [
      `--${boundary}`,
      `Content-Type: ${part.type}; charset="utf-8"`,
      'MIME-Version: 1.0',
      'Content-Transfer-Encoding: base64',
      // Later parts add to lists and maps of those before.
      'X-Merge-Type: list(append)+dict(recurse_array)+str()',
      '',
      ...wrapped,
    ];
  });
  const head = [`Content-Type: multipart/mixed; boundary="${boundary}"`, 'MIME-Version: 1.0', ''];
  return Buffer.from([...head, ...lines, `--${boundary}--`, ''].join('\n')).toString('base64');
}
