// What commands on health checks and diagnostics ask of the machinery behind them.
import type { OperationAnswer, OperationRequest } from '@isthmus/contract';

/** Long work behind the API; each method throws ApiError as Orchestration's do. */
export interface HealthOrchestration {
  /** Has a router carry its health checks out now, and keeps what it found: also that it cannot be reached. */
  checkRouterHealth(routerId: string): Promise<void>;
  /** Runs a tool in a router. Throws 534 where it cannot be reached. */
  runDiagnostics(routerId: string, request: OperationRequest<'diagnostics'>): Promise<OperationAnswer<'diagnostics'>>;
  /** Fetches a bundle of diagnostics; answers with its link. Throws 431 for `files` with the name that is none. */
  collectDiagnostics(routerId: string, files: readonly string[]): Promise<{ readonly url: string }>;
}
