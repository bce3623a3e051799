// Which services an offering of isolated networks may have, and what each needs.
import { parameterError } from './api-error.ts';
import { type RouterService, routerServices } from './network-service.ts';

/** The provider of every service. */
export const serviceProvider = 'VirtualRouter';

/** `ROUTED`: guests are reached at their own addresses, without NAT. */
export type NetworkMode = 'NATTED' | 'ROUTED';
/** `DualStack`: IPv6 beside IPv4. */
export type InternetProtocol = 'IPv4' | 'DualStack';

/** Whether the routers of an offering's networks have a public NIC. */
export function hasUplink(offering: {
  readonly services: Readonly<Record<string, unknown>>;
  readonly network_mode: NetworkMode;
}): boolean {
  return offering.network_mode === 'ROUTED' || offering.services.SourceNat !== undefined;
}

/** What a caller of createNetworkOffering asks for, as far as its parts have to fit each other. */
export interface OfferingRequest {
  readonly supportedservices: readonly string[];
  /** Objects with `service` and `provider`. */
  readonly serviceproviderlist?: readonly Readonly<Record<string, string>>[] | undefined;
  /** Objects with `service`, `capabilitytype` and `capabilityvalue`. */
  readonly servicecapabilitylist?: readonly Readonly<Record<string, string>>[] | undefined;
  readonly egressdefaultpolicy?: boolean | undefined;
  readonly networkMode: NetworkMode;
  readonly internetProtocol: InternetProtocol;
}

/** Services that translate addresses, which a routed network does not. */
const translating: readonly RouterService[] = ['SourceNat', 'StaticNat', 'PortForwarding', 'Lb'];
/** What a service cannot be without: an address to translate, and a firewall that opens it. */
const needed: Partial<Record<RouterService, readonly RouterService[]>> = {
  StaticNat: ['SourceNat', 'Firewall'],
  PortForwarding: ['SourceNat', 'Firewall'],
  Lb: ['SourceNat', 'Firewall'],
};

/** Capabilities that an offering may name, with the values that routers have. */
const choosable: Partial<Record<RouterService, Readonly<Record<string, readonly string[]>>>> = {
  SourceNat: { SupportedSourceNatTypes: ['peraccount'], RedundantRouter: ['false'] },
  StaticNat: { ElasticIp: ['false'], AssociatePublicIP: ['false'] },
  Lb: {
    SupportedLBIsolation: ['dedicated'],
    LbSchemes: ['Public'],
    ElasticLb: ['false'],
    InlineMode: ['false'],
    VmAutoScaling: ['false'],
  },
};

/** The services of a new offering, in the order given. Throws 431 that names the parameter at fault. */
export function offeredServices(request: OfferingRequest): RouterService[] {
  const services = [...new Set(request.supportedservices.map((name) => serviceNamed('supportedservices', name)))];
  checkProviders(request, services);
  checkCapabilities(request, services);
  checkDependencies(request, services);
  return services;
}

/** Reads the name of a service, of either case. Throws 431 for `parameter`. */
export function serviceNamed(parameter: string, name: string): RouterService {
  const found = routerServices.find((service) => service.toLowerCase() === name.toLowerCase());
  if (found === undefined) throw parameterError(parameter, name, `a service among ${routerServices.join(', ')}`);
  return found;
}

function serviceOf(
  parameter: string,
  entry: Readonly<Record<string, string>>,
  services: readonly RouterService[],
): RouterService {
  if (entry.service === undefined) {
    throw parameterError(parameter, JSON.stringify(entry), `${parameter}[0].service beside its other fields`);
  }
  const service = serviceNamed(parameter, entry.service);
  if (!services.includes(service)) throw parameterError(parameter, service, 'a service that supportedservices names');
  return service;
}

function checkProviders({ serviceproviderlist: list }: OfferingRequest, services: readonly RouterService[]): void {
  for (const entry of list ?? []) {
    const service = serviceOf('serviceproviderlist', entry, services);
    if (entry.provider?.toLowerCase() !== serviceProvider.toLowerCase()) {
      throw parameterError('serviceproviderlist', entry.provider, `${serviceProvider} as the provider of ${service}`);
    }
  }
}

function checkCapabilities({ servicecapabilitylist: list }: OfferingRequest, services: readonly RouterService[]): void {
  for (const entry of list ?? []) {
    const service = serviceOf('servicecapabilitylist', entry, services);
    const known = Object.entries(choosable[service] ?? {});
    const { capabilitytype: type = '', capabilityvalue: value = '' } = entry;
    const found = known.find(([name]) => name.toLowerCase() === type.toLowerCase());
    if (found === undefined) {
      const names = known.map(([name]) => name).join(', ');
      throw parameterError(
        'servicecapabilitylist',
        type,
        names === '' ? `no capability of ${service}: it has none to choose` : `a capability of ${service}: ${names}`,
      );
    }
    const [name, values] = found;
    if (!values.some((each) => each.toLowerCase() === value.toLowerCase())) {
      throw parameterError('servicecapabilitylist', value, `${values.join(' or ')} as ${name} of ${service}`);
    }
  }
}

function checkDependencies(request: OfferingRequest, services: readonly RouterService[]): void {
  const refuse = (expected: string) => parameterError('supportedservices', services.join(','), expected);
  if (request.networkMode === 'ROUTED') {
    const wrong = services.filter((service) => translating.includes(service));
    if (wrong.length > 0) throw refuse(`no ${wrong.join(', ')}: routed networks (networkmode) translate nothing`);
  }
  for (const service of services) {
    const missing = (needed[service] ?? []).filter((each) => !services.includes(each));
    if (missing.length > 0) throw refuse(`${missing.join(' and ')} beside ${service}`);
  }
  if (request.internetProtocol === 'DualStack') {
    if (!services.includes('Dhcp')) throw refuse('Dhcp, by which guests learn their IPv6 network (internetprotocol)');
    if (request.networkMode !== 'ROUTED' && !services.includes('SourceNat')) {
      throw refuse('SourceNat, with which a router has a way out for IPv6 (internetprotocol)');
    }
  }
  if (request.egressdefaultpolicy !== undefined && !services.includes('Firewall')) {
    throw parameterError('egressdefaultpolicy', request.egressdefaultpolicy, 'no value without the service Firewall');
  }
}
