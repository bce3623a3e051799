// What commands on health checks and diagnostics ask for, over the flows of this folder.
import { HostRefusedError } from '../drivers/errors.ts';
import { ApiError, parameterError } from '../model/api-error.ts';
import type { HealthOrchestration } from '../model/health-orchestration.ts';
import { bundleLimitBytes } from '../store/diagnostics-bundle.ts';
import { onHost } from './hosts.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { fetchRouterHealth } from './router-health.ts';

async function routerOf({ db }: Parts, id: string): Promise<Router> {
  const router = await db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirst();
  if (router === undefined) throw new ApiError('resourceUnavailable', `The router ${id} is gone`);
  return router;
}

/** The agent's own sentence about a name of `files`. */
function refusedFiles(error: unknown, files: readonly string[]): unknown {
  if (!(error instanceof HostRefusedError)) return error;
  const name = files.find((each) => error.message.includes(`files ${each}: expected`));
  if (name === undefined) return error;
  return parameterError('files', name, error.message.slice(error.message.indexOf('expected ') + 9), error);
}

async function collect(parts: Parts, id: string, files: readonly string[]): Promise<{ url: string }> {
  const router = await routerOf(parts, id);
  const { archive } = await onHost(async () => {
    const agent = await parts.agents.of(router);
    try {
      return await agent.operate('diagnostics-data', { files: [...files] });
    } catch (error) {
      throw refusedFiles(error, files);
    }
  });
  const bytes = Buffer.from(archive, 'base64');
  if (bytes.length > bundleLimitBytes) {
    throw new ApiError('internal', `The bundle has ${bytes.length} bytes: expected at most ${bundleLimitBytes}`);
  }
  const lifetimeMs = Number(await parts.setting('diagnostics.data.max.file.age')) * 1000;
  const token = await parts.bundles.keep(id, bytes, lifetimeMs);
  return { url: parts.bundles.url(token, await parts.setting('endpoint.url')) };
}

/** The port that commands import, over these parts. */
export function healthOrchestration(parts: Parts): HealthOrchestration {
  return {
    checkRouterHealth: async (id) => {
      await fetchRouterHealth(parts, await routerOf(parts, id), true);
    },
    runDiagnostics: async (id, request) => {
      const router = await routerOf(parts, id);
      return onHost(async () => (await parts.agents.of(router)).operate('diagnostics', request));
    },
    collectDiagnostics: (id, files) => collect(parts, id, files),
  };
}
