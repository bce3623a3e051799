import type { Command } from '../declaration.ts';
import { destroyRouter } from './destroy-router.ts';
import { listRouters } from './list-routers.ts';
import { rebootRouter } from './reboot-router.ts';
import { startRouter } from './start-router.ts';
import { stopRouter } from './stop-router.ts';
import { upgradeRouterTemplate } from './upgrade-router-template.ts';

export const commands: readonly Command[] = [
  listRouters,
  startRouter,
  stopRouter,
  rebootRouter,
  destroyRouter,
  upgradeRouterTemplate,
];
