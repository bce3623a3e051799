import type { Command } from '../declaration.ts';
import { getDiagnosticsData } from './get-diagnostics-data.ts';
import { runDiagnostics } from './run-diagnostics.ts';

export const commands: readonly Command[] = [runDiagnostics, getDiagnosticsData];
