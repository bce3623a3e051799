// The client of a host that has no certificate yet: TLS with the pre-shared key of its join token.
import {
  type JoinGrant,
  type JoinOffer,
  JoinOfferSchema,
  type JoinToken,
  joinCiphers,
  joinPskIdentity,
  validator,
} from '@isthmus/contract';
import { ControlAgent, connectPlain, secure } from './control-connection.ts';
import { HostUnreachableError } from './errors.ts';
import { answerOf, type Call, exchange } from './exchange.ts';
import { parseHostUrl } from './host-client.ts';

const checkOffer = validator(JoinOfferSchema);
const timeoutMs = 10_000;

/** One host that waits to be joined. Calls throw HostUnreachableError, also where the token is another, or HostRefusedError. */
export class JoinClient {
  readonly #url: string;
  readonly #agent: ControlAgent;

  /** `url` is `https://ADDRESS:PORT`. Throws HostRefusedError on any other. */
  constructor(url: string, token: JoinToken) {
    const address = parseHostUrl(url);
    this.#url = url;
    const psk = Buffer.from(token.secret, 'base64url');
    this.#agent = new ControlAgent(
      async () => {
        return secure(await connectPlain(address), {
          ciphers: joinCiphers,
          minVersion: 'TLSv1.2',
          maxVersion: 'TLSv1.2',
          // Both have proved that they know the key; there is no certificate to check.
          checkServerIdentity: () => undefined,
          pskCallback: () => ({ psk, identity: joinPskIdentity(token) }),
        });
      },
      null,
      { keepAlive: false },
    );
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Who the host is, and its request for a certificate. */
  offer(): Promise<JoinOffer> {
    return this.#call({ method: 'GET', path: '/v1/join', timeoutMs }, checkOffer);
  }

  /** The host has joined when this resolves; the token is spent. */
  async grant(grant: JoinGrant): Promise<void> {
    await this.#call({ method: 'PUT', path: '/v1/join', body: grant, timeoutMs }, null);
  }

  async #call<Body>(call: Call, check: { check(value: unknown): value is Body } | null): Promise<Body> {
    const answer = await exchange(this.#agent, call).catch((cause: unknown) => {
      throw new HostUnreachableError(this.#url, cause);
    });
    return answerOf(`the host agent at ${this.#url}`, call, answer, check);
  }
}
