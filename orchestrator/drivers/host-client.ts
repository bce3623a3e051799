// The client of a host agent (contract/host-api.ts): HTTP over its Unix socket.
import { Agent, type IncomingMessage, request } from 'node:http';
import {
  type Acknowledgement,
  AcknowledgementSchema,
  type ApplianceReport,
  ApplianceReportSchema,
  type ApplianceSpec,
  HostErrorSchema,
  type HostReport,
  HostReportSchema,
  type InstanceReport,
  InstanceReportSchema,
  type InstanceSpec,
  type Push,
  type Refusal,
  RefusalSchema,
  validator,
} from '@isthmus/contract';
import Type, { type Static } from 'typebox';

/** The host agent did not answer: not there, or not within the time. The call may have had its effect. */
export class HostUnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`the host agent at ${url} does not answer`, { cause });
    this.name = 'HostUnreachableError';
  }
}

/** The host agent answered that it could not: its own sentence. `notFound` where the appliance or instance is not there. */
export class HostRefusedError extends Error {
  readonly notFound: boolean;

  constructor(message: string, notFound: boolean) {
    super(message);
    this.name = 'HostRefusedError';
    this.notFound = notFound;
  }
}

/** The agent of an appliance refused a push; its last good state serves on. */
export class PushRefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = 'PushRefusedError';
    this.refusal = refusal;
  }
}

const checks = {
  host: validator(HostReportSchema),
  appliance: validator(ApplianceReportSchema),
  appliances: validator(Type.Array(ApplianceReportSchema)),
  instance: validator(InstanceReportSchema),
  instances: validator(Type.Array(InstanceReportSchema)),
  acknowledgement: validator(AcknowledgementSchema),
  refusal: validator(RefusalSchema),
  error: validator(HostErrorSchema),
};

/** State that a new router takes over from the one it replaces, by service, such as the leases of dnsmasq. */
const PortableStateSchema = Type.Record(Type.String(), Type.String());
export type PortableState = Static<typeof PortableStateSchema>;
const checkState = validator(PortableStateSchema);

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One host agent. Every call throws HostUnreachableError or HostRefusedError; `push` also PushRefusedError. */
export class HostClient {
  readonly #url: string;
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** `url` is `unix:` and the absolute path of the socket. Throws HostRefusedError on any other. */
  constructor(url: string) {
    if (!/^unix:\/[^\0]{1,106}$/.test(url)) {
      throw new HostRefusedError(
        `${JSON.stringify(url)} is not a host agent's URL: expected unix:/PATH/OF/SOCKET`,
        false,
      );
    }
    this.#url = url;
    this.#socketPath = url.slice('unix:'.length);
  }

  close(): void {
    this.#agent.destroy();
  }

  report(): Promise<HostReport> {
    return this.#call('GET', '/v1/host', checks.host);
  }

  appliances(): Promise<ApplianceReport[]> {
    return this.#call('GET', '/v1/appliances', checks.appliances);
  }

  instances(): Promise<InstanceReport[]> {
    return this.#call('GET', '/v1/instances', checks.instances);
  }

  putAppliance(id: string, spec: ApplianceSpec): Promise<ApplianceReport> {
    return this.#call('PUT', `/v1/appliances/${id}`, checks.appliance, spec);
  }

  powerAppliance(id: string, action: 'start' | 'stop' | 'reboot'): Promise<unknown> {
    return this.#call('POST', `/v1/appliances/${id}/${action}`, null);
  }

  deleteAppliance(id: string): Promise<unknown> {
    return this.#callIfThere(`/v1/appliances/${id}`);
  }

  push(id: string, push: Push): Promise<Acknowledgement> {
    return this.#call('POST', `/v1/appliances/${id}/push`, checks.acknowledgement, push);
  }

  exportState(id: string): Promise<PortableState> {
    return this.#call('GET', `/v1/appliances/${id}/state`, checkState);
  }

  importState(id: string, state: PortableState): Promise<unknown> {
    return this.#call('PUT', `/v1/appliances/${id}/state`, null, state);
  }

  putInstance(id: string, spec: InstanceSpec): Promise<InstanceReport> {
    return this.#call('PUT', `/v1/instances/${id}`, checks.instance, spec);
  }

  powerInstance(id: string, action: 'start' | 'stop' | 'reboot'): Promise<unknown> {
    return this.#call('POST', `/v1/instances/${id}/${action}`, null);
  }

  deleteInstance(id: string): Promise<unknown> {
    return this.#callIfThere(`/v1/instances/${id}`);
  }

  deleteSegment(id: string): Promise<unknown> {
    return this.#callIfThere(`/v1/segments/${id}`);
  }

  /** DELETE; what is not there is gone already. */
  async #callIfThere(path: string): Promise<void> {
    try {
      await this.#call('DELETE', path, null);
    } catch (error) {
      if (!(error instanceof HostRefusedError && error.notFound)) throw error;
    }
  }

  async #call<Answer>(
    method: Method,
    path: string,
    check: { check(value: unknown): value is Answer } | null,
    body?: unknown,
  ): Promise<Answer> {
    const { status, text } = await this.#exchange(method, path, body);
    const answer: unknown = text === '' ? null : JSON.parse(text);
    if (status === 409 && checks.refusal.check(answer)) throw new PushRefusedError(answer);
    if (status >= 300) {
      if (!checks.error.check(answer)) throw new HostRefusedError(`the host agent answered ${status}`, status === 404);
      const detail = answer.detail === undefined ? '' : `: ${answer.detail}`;
      throw new HostRefusedError(`${answer.message}${detail}`, answer.code === 'not-found');
    }
    if (check !== null && !check.check(answer)) {
      throw new HostRefusedError(`the host agent's answer to ${method} ${path} does not fit its schema`, false);
    }
    return answer as Answer;
  }

  #exchange(method: Method, path: string, body: unknown): Promise<{ status: number; text: string }> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(new HostUnreachableError(this.#url, cause));
      const call = request(
        { socketPath: this.#socketPath, method, path, headers, agent: this.#agent, timeout: 60_000 },
        (response) => {
          read(response).then((text) => resolve({ status: response.statusCode ?? 500, text }), fail);
        },
      );
      call.on('timeout', () => call.destroy(new Error('no answer within 60 s')));
      call.on('error', fail);
      call.end(payload);
    });
  }
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
