// A client of the host agent's API over its Unix socket, for tests.
import { request } from 'node:http';
import type {
  Acknowledgement,
  AgentStatus,
  ApplianceReport,
  ApplianceSpec,
  ApplianceState,
  HostReport,
  InstanceReport,
  InstanceSpec,
  Push,
} from '@isthmus/contract';

/** An answer of the host agent. `body` is parsed JSON, null where there is none. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** An answer that is not 2xx: `body` is a HostError, or a Refusal where a push was refused (409). */
export class HostAgentAnswerError extends Error {
  readonly answer: Answer;

  constructor(call: string, answer: Answer) {
    super(`${call}: ${answer.status} ${JSON.stringify(answer.body)}`);
    this.name = 'HostAgentAnswerError';
    this.answer = answer;
  }
}

export class HostAgentClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** One call, whatever its answer. Rejects where nobody listens. */
  raw(method: string, path: string, body?: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const call = request({ socketPath: this.#socket, method, path, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) });
        });
      });
      call.on('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async #call<Result>(method: string, path: string, body?: unknown): Promise<Result> {
    const answer = await this.raw(method, path, body);
    if (answer.status >= 300) throw new HostAgentAnswerError(`${method} ${path}`, answer);
    return answer.body as Result;
  }

  host(): Promise<HostReport> {
    return this.#call('GET', '/v1/host');
  }

  putAppliance(id: string, spec: ApplianceSpec): Promise<ApplianceReport> {
    return this.#call('PUT', `/v1/appliances/${id}`, spec);
  }

  appliance(id: string): Promise<ApplianceReport> {
    return this.#call('GET', `/v1/appliances/${id}`);
  }

  appliances(): Promise<ApplianceReport[]> {
    return this.#call('GET', '/v1/appliances');
  }

  applianceStep(id: string, step: 'start' | 'stop' | 'reboot'): Promise<ApplianceReport> {
    return this.#call('POST', `/v1/appliances/${id}/${step}`);
  }

  deleteAppliance(id: string): Promise<void> {
    return this.#call('DELETE', `/v1/appliances/${id}`);
  }

  push(id: string, push: Push): Promise<Acknowledgement> {
    return this.#call('POST', `/v1/appliances/${id}/push`, push);
  }

  status(id: string): Promise<AgentStatus> {
    return this.#call('GET', `/v1/appliances/${id}/status`);
  }

  state(id: string): Promise<ApplianceState> {
    return this.#call('GET', `/v1/appliances/${id}/state`);
  }

  putState(id: string, state: ApplianceState): Promise<void> {
    return this.#call('PUT', `/v1/appliances/${id}/state`, state);
  }

  putInstance(id: string, spec: InstanceSpec): Promise<InstanceReport> {
    return this.#call('PUT', `/v1/instances/${id}`, spec);
  }

  instance(id: string): Promise<InstanceReport> {
    return this.#call('GET', `/v1/instances/${id}`);
  }

  instances(): Promise<InstanceReport[]> {
    return this.#call('GET', '/v1/instances');
  }

  instanceStep(id: string, step: 'start' | 'stop' | 'reboot'): Promise<InstanceReport> {
    return this.#call('POST', `/v1/instances/${id}/${step}`);
  }

  deleteInstance(id: string): Promise<void> {
    return this.#call('DELETE', `/v1/instances/${id}`);
  }

  deleteSegment(id: string): Promise<void> {
    return this.#call('DELETE', `/v1/segments/${id}`);
  }

  deleteEverything(): Promise<void> {
    return this.#call('DELETE', '/v1/everything');
  }

  exit(): Promise<void> {
    return this.#call('POST', '/v1/exit');
  }
}
