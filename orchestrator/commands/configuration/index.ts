import type { Command } from '../declaration.ts';
import { listConfigurations } from './list-configurations.ts';
import { updateConfiguration } from './update-configuration.ts';

/** Commands on the settings of the installation. */
export const commands: readonly Command[] = [updateConfiguration, listConfigurations];
