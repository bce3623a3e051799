import { touch } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { nicsByMachine } from './nics.ts';
import { newPasswordColumns, passwordAnswer, passwordParameter } from './password.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

export const resetPasswordForVirtualMachine = asyncCommand({
  name: 'resetPasswordForVirtualMachine',
  description: 'Gives a stopped instance a new password, which its guest fetches when it starts. The answer tells it.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance, stopped'),
    password: passwordParameter,
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.RESETPASSWORD',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async (context, { id: { id }, password }) => {
    const { db } = context;
    const machine = await lockForAction(db, id, 'reset');
    const { password_enabled: takesPasswords } = await db
      .selectFrom('template')
      .select('password_enabled')
      .where('id', '=', machine.template_id)
      .executeTakeFirstOrThrow();
    if (!takesPasswords) throw parameterError('id', id, 'an instance whose template takes passwords');
    const columns = await newPasswordColumns(context, password);
    await db.updateTable('virtual_machine').set(columns).where('id', '=', id).execute();
    for (const nic of (await nicsByMachine(db, [id])).get(id) ?? []) {
      await touch(db, nic.network_id, 'metadata.passwords', nic.id);
    }
    return { id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleNics(id);
    return { ...(await presentVirtualMachine(context, id)), ...(await passwordAnswer(context, id)) };
  },
});
