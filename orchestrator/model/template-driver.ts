import type { DriverName } from '@isthmus/contract';

/** What is asked of a template: the `name` and `url` of its row. */
export interface TemplateIdentity {
  readonly name: string;
  /** `builtin:http-echo`, `image:guest`, or where its disk came from. */
  readonly url: string;
}

/** The driver of the hosts that can run a template's instances: `builtin:` ones are namespaces, all others have a disk. */
export function driverOfTemplate({ url }: Pick<TemplateIdentity, 'url'>): DriverName {
  return url.startsWith('builtin:') ? 'namespace' : 'libvirt';
}

/**
 * Why none of a zone's hosts can run a template; null where one can, or where no host has joined yet. `drivers`: of the
 * zone's hosts in any state, null of one that has not joined (whether one is Up now is for the allocator to say).
 */
export function templateWithoutHost(
  template: TemplateIdentity,
  zoneName: string,
  drivers: readonly (DriverName | null)[],
): string | null {
  const needed = driverOfTemplate(template);
  const present = [...new Set(drivers.filter((driver) => driver !== null))].sort();
  if (present.length === 0 || present.includes(needed)) return null;
  const there = present.join(' and ');
  return `template ${template.name} runs on hosts of driver ${needed}, and zone ${zoneName} has hosts of driver ${there} only`;
}
