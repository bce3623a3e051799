import type { Command } from '../declaration.ts';
import { generateUsageRecords } from './generate-usage-records.ts';
import { listUsageRecords } from './list-usage-records.ts';
import { listUsageTypes } from './list-usage-types.ts';
import { removeRawUsageRecords } from './remove-raw-usage-records.ts';

export const commands: readonly Command[] = [
  listUsageRecords,
  listUsageTypes,
  generateUsageRecords,
  removeRawUsageRecords,
];
