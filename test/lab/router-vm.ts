// A router in a VM of a lab (appliance-vm.ts), with the lab's document.
import type { ControlNic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { parseInterfaceName, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import {
  type ApplianceVm,
  controlBridge,
  controlHost,
  createApplianceVm,
  imageOf,
  type VmImage,
  type VmNic,
} from './appliance-vm.ts';
import type { Lab } from './index.ts';
import { internet } from './network.ts';
import { settings } from './router-document.ts';
import { guestBridge } from './wired-router.ts';

export { controlStranger, machineWords, type VmImage } from './appliance-vm.ts';
export type RouterVm = ApplianceVm;

/** The control NIC of the lab's router. */
export const control: ControlNic = {
  macAddress: parseMacAddress('02:00:00:00:00:0c'),
  address: parseIpv4Address('169.254.20.7'),
  prefixLength: 22,
  gateway: parseIpv4Address(controlHost),
};

/** The router's image of this checkout; built first where it is not there. Throws CommandError where that fails. */
export function routerImage(machine: Host): Promise<VmImage> {
  return imageOf(machine, 'router');
}

function nicsOf(): VmNic[] {
  const [inside, outside] = settings.routing.interfaces;
  // Not in the order of their names: they are told apart by their MAC addresses.
  return [
    { tap: 'vmtap0', bridge: internet.bridge, macAddress: outside?.macAddress ?? '' },
    { tap: 'vmtap1', bridge: controlBridge, macAddress: control.macAddress },
    { tap: 'vmtap2', bridge: guestBridge, macAddress: inside?.macAddress ?? '' },
  ];
}

/** A router's VM on a lab's host; it ends with the lab. */
export function createRouterVm(lab: Lab, image: VmImage): Promise<RouterVm> {
  const nics = settings.routing.interfaces.map(({ name, macAddress }) => ({
    name: parseInterfaceName(name),
    macAddress,
  }));
  return createApplianceVm(lab, image, {
    nics: nicsOf(),
    control,
    drive: (bootstrap) => ({ kind: 'router', bootstrap, control, nics }),
  });
}
