// Kernel settings of the router's network namespace. A kernel may refuse some of them to a namespace, and sysctl(8) then
// still ends with 0, so what was written is read back.
import type { ServiceHealth } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { renderSysctls, type Sysctl, sysctlText } from '@isthmus/templates/system';
import { type KernelSettings, kernelSettings } from './kernel-settings.ts';
import type { DocumentChange, RouterService, ServiceContext, ServicePlan } from './service.ts';

/** A setting that is not what it should be. `actual` undefined: the kernel has no such key. */
interface Deviation extends Sysctl {
  readonly actual: string | undefined;
}

function describe({ key, value, actual }: Deviation): string {
  return actual === undefined ? `${key}: absent, expected ${value}` : `${key}: ${actual}, expected ${value}`;
}

class SystemService implements RouterService {
  readonly name = 'system';
  readonly checkEveryMs = 60_000;
  readonly #context: ServiceContext;
  readonly #kernel: KernelSettings;
  #wanted: readonly Sysctl[] = [];

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#kernel = kernelSettings(context.host, context.isInside === true);
  }

  check(): [] {
    return [];
  }

  plan(change: DocumentChange): ServicePlan | null {
    const isTouched = change.full || change.sections.has('system') || change.sections.has('routing');
    if (!isTouched) return null;
    const { system, routing } = change.document.settings;
    const wanted = renderSysctls(system, routing);
    if (!change.full && sysctlText(wanted) === sysctlText(this.#wanted)) return null;
    const wantedBefore = this.#wanted;
    let before: readonly Deviation[] = [];
    // Last, when routing has taken the addresses away, as it could not from an interface that is off.
    const isLast = (setting: Sysctl) => turnsIpv6Off(wantedBefore, setting);
    return {
      stage: async () => {
        before = await this.#deviations(wanted);
      },
      apply: async () => {
        this.#wanted = wanted;
        await this.#write(before.filter((setting) => !isLast(setting)));
      },
      verify: async () => {
        const faults = (await this.#deviations(wanted)).filter(isFault);
        if (faults.length > 0) throw new Error(`the kernel did not take ${faults.map(describe).join('; ')}`);
      },
      commit: async () => this.#write(before.filter(isLast)),
      revert: async () => {
        this.#wanted = wantedBefore;
        await this.#write(before.flatMap(({ key, actual }) => (actual === undefined ? [] : [{ key, value: actual }])));
      },
    };
  }

  async health(): Promise<ServiceHealth> {
    const deviations = await this.#deviations(this.#wanted);
    const healthy = !deviations.some(isFault);
    const detail = deviations.length === 0 ? 'every kernel setting is in force' : deviations.map(describe).join('; ');
    const checkedAt = new Date(this.#context.host.clock.now()).toISOString();
    return {
      service: this.name,
      healthy,
      detail: healthy && deviations.length > 0 ? `degraded: ${detail}` : detail,
      checkedAt,
    };
  }

  async heal(): Promise<void> {
    await this.#write(await this.#deviations(this.#wanted));
  }

  async release(): Promise<void> {}

  async shutdown(): Promise<void> {}

  async #deviations(wanted: readonly Sysctl[]): Promise<Deviation[]> {
    if (wanted.length === 0) return [];
    const values = await this.#kernel.read(wanted.map(({ key }) => key));
    return wanted
      .filter(({ key, value }) => values.get(key) !== value)
      .map((setting) => ({ ...setting, actual: values.get(setting.key) }));
  }

  /** Settings that the kernel refuses stay as they are; reading back tells which. */
  async #write(
    settings: readonly (Pick<Sysctl, 'key' | 'value'> & { readonly actual?: string | undefined })[],
  ): Promise<void> {
    if (settings.length === 0) return;
    const isAbsent = settings.some(({ key, actual }) => key.startsWith('net/netfilter/') && actual === undefined);
    if (isAbsent) await this.#loadConntrack();
    const refused = await this.#kernel.write(settings);
    if (refused !== '') this.#context.host.log.info('the kernel refused settings', { detail: refused });
  }

  /** The keys of connection tracking are there once its module is; a machine without modules has it built in or not at all. */
  async #loadConntrack(): Promise<void> {
    try {
      await this.#context.host.commands.run('modprobe', ['-q', 'nf_conntrack']);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#context.host.log.debug('nf_conntrack was not loaded', { error });
    }
  }
}

/** True for a setting that turns IPv6 off where the router has it. */
function turnsIpv6Off(before: readonly Sysctl[], { key, value }: Sysctl): boolean {
  const isOn = before.some((setting) => setting.key.endsWith('/disable_ipv6') && setting.value === '0');
  return isOn && key.endsWith('/disable_ipv6') && value === '1';
}

/** A key that the kernel does not have is an interface that is not there (routing says so) or a kernel without the feature. */
function isFault({ required, actual }: Deviation): boolean {
  return required && actual !== undefined;
}

/** Kernel settings: section `system`, and the names of the NICs of `routing`. */
export function createSystemService(context: ServiceContext): RouterService {
  return new SystemService(context);
}
