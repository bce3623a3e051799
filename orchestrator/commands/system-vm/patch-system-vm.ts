import { checkRouterAction, checkSystemVmAction } from '../../model/virtual-machine.ts';
import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { applianceOf, findAppliance } from './appliance.ts';

/** patchSystemVm: the newest agent comes into what goes on serving, and goes again where it does not come up. */
export const patchSystemVm = asyncCommand({
  name: 'patchSystemVm',
  description: "Brings a running system VM's or router's own software to the newest release, without a restart",
  roles: ['Admin'],
  parameters: {
    id: p.uuid.required('The system VM or router'),
    forced: p.boolean.optional('True: also where it runs the newest release already'),
  },
  responseKey: null,
  responseFields: {
    success: field.boolean('True: the newest release serves'),
    displaytext: field.string('What serves now'),
  },
  eventType: 'LIVE.PATCH.SYSTEM.VM',
  instanceType: 'SystemVm',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const { kind, row } = await applianceOf(db, 'id', id);
    if (kind === 'router') checkRouterAction('reboot', row);
    else checkSystemVmAction('reboot', row);
    return { id: row.id };
  },
  execute: async ({ db, orchestration }, id, { forced }) => {
    const found = await db.transaction().execute((trx) => findAppliance(trx, id));
    const options = { forced: forced === true };
    const displaytext =
      found?.kind === 'system-vm'
        ? await orchestration.patchSystemVm(id, options)
        : await orchestration.patchRouter(id, options);
    return { success: true, displaytext };
  },
});
