import type { Command } from '../declaration.ts';
import { getRouterHealthCheckResults } from './get-router-health-check-results.ts';

export const commands: readonly Command[] = [getRouterHealthCheckResults];
