// Interfaces, addresses, the default route, and, last of all, forwarding: the rules of netfilter stand by then, since its
// service comes before this one, so no packet is ever forwarded without rules.
import type { Operations, PublicAddress, ServiceHealth } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { isIpv4Address } from '@isthmus/net';
import {
  desiredRouting,
  hasIpv6,
  publicAddressFaults,
  type RoutingState,
  renderBatch,
  settingsFaults,
} from '@isthmus/templates/routing';
import { renderIpv6Nics } from '@isthmus/templates/system';
import { type KernelSettings, kernelSettings } from '../kernel-settings.ts';
import {
  CheckError,
  type DocumentChange,
  type DocumentFault,
  type HealthCheck,
  type RouterService,
  type ServiceContext,
  type ServicePlan,
} from '../service.ts';
import { announce, type GatewayAnswer, GatewayProbe } from './gateway-probe.ts';
import {
  changeKernel,
  deviceOf,
  forwardingBefore,
  forwardingChanges,
  type KernelState,
  namesOf,
  noForwarding,
  readKernel,
  renderRenames,
  setForwarding,
  stateOf,
} from './kernel.ts';

const nothing: RoutingState = { links: [], defaultRoutes: [] };

class RoutingService implements RouterService {
  readonly name = 'routing';
  readonly checkEveryMs = 15_000;
  readonly checks: readonly HealthCheck[] = [
    {
      name: 'gateways_check.py',
      kind: 'basic',
      run: () => this.#gateways[4].finding(this.#applied?.defaultRoutes ?? []),
    },
  ];
  readonly operations: Operations = {
    announce: async () => {
      await this.#announceAll();
      return {};
    },
  };
  readonly #context: ServiceContext;
  readonly #settings: KernelSettings;
  readonly #end = new AbortController();
  readonly #gateways: Readonly<Record<4 | 6, GatewayProbe>>;
  /** What was applied last; null where that is not known. */
  #applied: RoutingState | null = null;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#settings = kernelSettings(context.host, context.isInside === true);
    const probe = () => new GatewayProbe(context.host, this.#end.signal);
    this.#gateways = { 4: probe(), 6: probe() };
  }

  check({ full, document, sections, entries }: DocumentChange): DocumentFault[] {
    const addresses = document.entries['routing.publicAddresses'];
    const settingsChanged =
      full || ['routing', 'dhcp', 'dns', 'nat', 'firewall'].some((name) => sections.has(name as never));
    const addressesChanged = full || sections.has('routing') || entries['routing.publicAddresses'].length > 0;
    return [
      ...(settingsChanged ? settingsFaults(document.settings) : []),
      ...(addressesChanged ? publicAddressFaults(document.settings.routing, addresses) : []),
    ];
  }

  plan(change: DocumentChange): ServicePlan | null {
    const isSettings = change.full || change.sections.has('routing') || change.sections.has('metadata');
    const isTouched = isSettings || change.entries['routing.publicAddresses'].length > 0;
    if (!isTouched) return null;
    const { settings, entries } = change.document;
    const addresses: ReadonlyMap<string, PublicAddress> = entries['routing.publicAddresses'];
    const wanted = desiredRouting(settings.routing, addresses.values(), settings.metadata);
    const known = this.#applied;
    if (change.full || known === null || change.sections.has('routing'))
      return this.#planWhole(wanted, settings.routing.interfaces);
    return renderBatch(known, wanted) === '' ? null : this.#planDifference(known, wanted);
  }

  async health(): Promise<ServiceHealth> {
    const problems = this.#applied === null ? [] : await this.#problems(this.#applied);
    const answers = this.#gatewayAnswers().map(({ answer }) => answer);
    const gateway = answers.length === 0 ? 'there is none' : answers.join(', ');
    return {
      service: this.name,
      healthy: problems.length === 0,
      detail: problems.length === 0 ? `in force; default gateway: ${gateway}` : problems.join('; '),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async heal(): Promise<void> {
    const wanted = this.#applied;
    if (wanted === null) return;
    const { commands } = this.#context.host;
    const kernel = await readKernel(commands, this.#settings);
    await changeKernel(commands, stateOf(kernel, namesOf(wanted)), wanted);
    await setForwarding(this.#settings, forwardingChanges(kernel, wanted));
  }

  async release(): Promise<void> {
    this.#end.abort(new Error('the agent was released'));
  }

  async shutdown(): Promise<void> {
    await this.release();
    await setForwarding(this.#settings, noForwarding);
  }

  /** Over whatever the kernel has: adopts what is right, so that a running router notices nothing. */
  #planWhole(wanted: RoutingState, interfaces: Parameters<typeof renderRenames>[1]): ServicePlan {
    const { commands } = this.#context.host;
    const appliedBefore = this.#applied;
    let kernel: KernelState | null = null;
    let touched = new Set<string>();
    return {
      stage: async () => {
        kernel = await readKernel(commands, this.#settings);
        // Interfaces of the document before this one, which this one may not name, lose their addresses.
        touched = namesOf(wanted, appliedBefore ?? nothing);
        assertDevices(kernel, interfaces);
      },
      apply: async () => {
        if (kernel === null) return;
        const renames = renderRenames(kernel, interfaces);
        if (renames !== '') await commands.run('ip', ['-batch', '-'], { input: renames });
        // Kernel settings go by name: those of a NIC that had another were not taken before.
        if (renames !== '') await this.#settings.write(renderIpv6Nics(interfaces));
        // Where IPv6 went, its addresses are gone by now.
        const isOld = renames !== '' || (hasIpv6(stateOf(kernel, touched)) && !hasIpv6(wanted));
        const current = isOld ? await readKernel(commands, this.#settings) : kernel;
        await changeKernel(commands, stateOf(current, touched), wanted);
        await setForwarding(this.#settings, forwardingChanges(current, wanted));
        this.#applied = wanted;
      },
      verify: () => this.#verify(wanted),
      commit: async () => this.#announceNew(kernel === null ? nothing : stateOf(kernel, touched), wanted),
      revert: async () => {
        this.#applied = appliedBefore;
        if (kernel === null) return;
        await setForwarding(this.#settings, forwardingBefore(kernel, wanted));
        const now = await readKernel(commands, this.#settings);
        // Names stay: a device that was renamed is found by its MAC address, whatever document comes next.
        const present = namesOf(stateOf(now, touched));
        const before = stateOf(kernel, present);
        await changeKernel(commands, stateOf(now, namesOf(before)), before);
      },
    };
  }

  /** From one known state to the next, without a look at the kernel before. */
  #planDifference(before: RoutingState, wanted: RoutingState): ServicePlan {
    const { commands } = this.#context.host;
    let begun = false;
    return {
      stage: async () => {},
      apply: async () => {
        begun = true;
        try {
          await changeKernel(commands, before, wanted);
        } catch (error) {
          if (!(error instanceof CommandError)) throw error;
          // Somebody else has changed the kernel's state: start from what it is.
          const kernel = await readKernel(commands, this.#settings);
          await changeKernel(commands, stateOf(kernel, namesOf(before, wanted)), wanted);
        }
        this.#applied = wanted;
      },
      verify: () => this.#verify(wanted),
      commit: async () => this.#announceNew(before, wanted),
      revert: async () => {
        this.#applied = before;
        if (!begun) return;
        const kernel = await readKernel(commands, this.#settings);
        await changeKernel(commands, stateOf(kernel, namesOf(before, wanted)), before);
      },
    };
  }

  async #verify(wanted: RoutingState): Promise<void> {
    const kernel = await readKernel(this.#context.host.commands, this.#settings);
    const missing = renderBatch(stateOf(kernel, namesOf(wanted)), wanted);
    if (missing !== '') throw new Error(`the kernel did not take: ${missing.trim().replaceAll('\n', '; ')}`);
    const [off] = forwardingChanges(kernel, wanted);
    if (off !== undefined) throw new Error(`${off.key.replaceAll('/', '.')}: expected ${off.value}`);
  }

  async #problems(wanted: RoutingState): Promise<string[]> {
    const kernel = await readKernel(this.#context.host.commands, this.#settings);
    const missing = renderBatch(stateOf(kernel, namesOf(wanted)), wanted);
    const names = namesOf(wanted);
    const dark = kernel.devices.filter(({ name, up, carrier }) => names.has(name) && up && !carrier);
    const silent = this.#gatewayAnswers().filter(({ answer }) => answer === 'silent');
    return [
      ...(missing === '' ? [] : [`not in force: ${missing.trim().replaceAll('\n', '; ')}`]),
      ...forwardingChanges(kernel, wanted).map(({ key, value }) => `${key.replaceAll('/', '.')} is not ${value}`),
      ...dark.map(({ name }) => `${name} has no carrier`),
      ...silent.map(({ gateway }) => `the default gateway ${gateway} does not answer`),
    ];
  }

  /** For the replacement of a router, whose ports were dark when its addresses came up. */
  async #announceAll(): Promise<void> {
    this.#forgetGateways();
    const nics = (this.#applied?.links ?? []).filter(({ name }) => name !== 'lo');
    const all = nics.flatMap(({ name, addresses }) =>
      addresses.map((address) => [name, address.split('/')[0] ?? ''] as const).filter(([, ip]) => isIpv4Address(ip)),
    );
    await announce(this.#context.host, all, this.#end.signal);
  }

  /** Of each family's default gateway, as far as it is known. */
  #gatewayAnswers(): { readonly gateway: string | null; readonly answer: GatewayAnswer }[] {
    const routes = this.#applied?.defaultRoutes ?? [];
    return ([4, 6] as const).flatMap((family) => {
      const route = routes.find((each) => (each.family ?? 4) === family);
      return route === undefined ? [] : [{ gateway: route.gateway, answer: this.#gateways[family].latest(route) }];
    });
  }

  #forgetGateways(): void {
    for (const probe of Object.values(this.#gateways)) probe.reset();
  }

  #announceNew(before: RoutingState, wanted: RoutingState): void {
    const had = new Set(before.links.flatMap(({ addresses }) => addresses));
    const nics = wanted.links.filter(({ name }) => name !== 'lo');
    const fresh = nics.flatMap(({ name, addresses }) =>
      addresses
        // The kernel announces those of IPv6 (ndisc_notify).
        .filter((address) => !had.has(address) && !address.includes(':'))
        .map((address) => [name, address.split('/')[0] ?? ''] as const),
    );
    if (renderBatch(before, wanted) !== '') this.#forgetGateways();
    void announce(this.#context.host, fresh, this.#end.signal);
  }
}

function assertDevices(kernel: KernelState, interfaces: Parameters<typeof renderRenames>[1]): void {
  const missing = interfaces.flatMap((wanted, index) =>
    deviceOf(kernel, wanted) === undefined ? [{ wanted, index }] : [],
  );
  const [first] = missing;
  if (first === undefined) return;
  const { name, macAddress } = first.wanted;
  throw new CheckError(
    `routing.interfaces.${first.index}: no device has the MAC address ${macAddress} or the name ${name}`,
    `devices: ${kernel.devices.map((device) => `${device.name} ${device.macAddress ?? '-'}`).join(', ')}`,
    missing.map(({ index }) => `routing.interfaces.${index}`),
  );
}

/** Section `routing`: interfaces, addresses and the default route, and forwarding as its last step. */
export function createRoutingService(context: ServiceContext): RouterService {
  return new RoutingService(context);
}
