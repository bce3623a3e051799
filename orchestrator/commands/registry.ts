// Every command of the API: one line a resource.
import { listApisOf } from './api/list-apis.ts';
import { listCapabilities } from './api/list-capabilities.ts';
import type { Command } from './declaration.ts';
import { commands as session } from './session/index.ts';

const resources: readonly (readonly Command[])[] = [session];

/** The table that the API, listApis, the CLI and the reference pages are made from. */
export const commands: readonly Command[] = [...resources.flat(), listCapabilities, listApisOf(() => commands)];
