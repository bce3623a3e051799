import type { Command } from '../declaration.ts';
import { createServiceOffering } from './create-service-offering.ts';
import { deleteServiceOffering } from './delete-service-offering.ts';
import { listServiceOfferings } from './list-service-offerings.ts';
import { updateServiceOffering } from './update-service-offering.ts';

/** Commands on service offerings. */
export const commands: readonly Command[] = [
  createServiceOffering,
  updateServiceOffering,
  listServiceOfferings,
  deleteServiceOffering,
];
