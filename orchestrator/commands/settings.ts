import type { Db, Trx } from '../store/database.ts';

/** A setting of the installation: what listConfigurations tells of it besides its value. */
export interface Setting {
  /** CloudStack's group of the setting. */
  readonly category: 'Advanced' | 'Network' | 'System' | 'Secure';
  readonly defaultValue: string;
  readonly description: string;
  readonly type: 'String' | 'Boolean' | 'Number';
  /** Takes effect with the next start of the orchestrator alone. */
  readonly needsRestart?: boolean;
}

/** Every setting by CloudStack's name. A row of table `configuration` overrides the default. */
export const settings: Readonly<Record<string, Setting>> = {
  'default.page.size': {
    category: 'Advanced',
    defaultValue: '500',
    description: 'Most objects in the answer of a list command, and the largest pagesize; -1 for no limit',
    type: 'Number',
  },
  'integration.api.port': {
    category: 'Secure',
    defaultValue: '0',
    description: 'Port on the loopback address where every call is root admin without credentials; 0: off',
    type: 'Number',
    needsRestart: true,
  },
  'session.timeout': {
    category: 'Secure',
    defaultValue: '1800',
    description: 'Seconds without a call after which a session of the web page ends',
    type: 'Number',
  },
  'job.cleanup.minutes': {
    category: 'Advanced',
    defaultValue: '1440',
    description: 'Minutes after which a completed job is forgotten',
    type: 'Number',
  },
  'event.purge.days': {
    category: 'Advanced',
    defaultValue: '90',
    description: 'Days after which an event is forgotten',
    type: 'Number',
  },
  'network.gc.wait': {
    category: 'Network',
    defaultValue: '600',
    description: 'Seconds without a running instance after which a network that is not persistent is shut down',
    type: 'Number',
  },
  'expunge.delay': {
    category: 'Advanced',
    defaultValue: '86400',
    description: 'Seconds after which a destroyed instance is expunged',
    type: 'Number',
  },
};

/** The value of a setting. Throws where no setting has the name, which is a fault of the program. */
export async function readSetting(db: Db | Trx, name: string): Promise<string> {
  const setting = settings[name];
  if (setting === undefined) throw new Error(`setting ${name}: expected one of those that settings.ts lists`);
  const row = await db.selectFrom('configuration').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value ?? setting.defaultValue;
}
