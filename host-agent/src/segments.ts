// The segments of the host: which exist, who uses them, and that no two are the same network.
import { type Segment, SegmentSchema, validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { HostAgentError } from './errors.ts';
import { Records } from './records.ts';
import type { SegmentBridges } from './wiring/segment-bridges.ts';

const segmentValidator = validator(SegmentSchema);

/** `usersOf` answers with those who have a NIC on a segment, in words such as `instance ID`. */
export class Segments {
  readonly #bridges: SegmentBridges;
  readonly #records: Records<Segment>;
  readonly #usersOf: (id: string) => string[];

  constructor(host: Host, state: string, bridges: SegmentBridges, usersOf: (id: string) => string[]) {
    this.#bridges = bridges;
    this.#usersOf = usersOf;
    this.#records = new Records(host.files, `${state}/host-agent/segments`, (value) => segmentValidator.check(value));
  }

  load(log: Host['log']): Promise<void> {
    return this.#records.load(log);
  }

  /**
   * Notes segments that NICs are about to use. Throws HostAgentError (`conflict`) where an id stands for another network
   * already, or another guest segment has the same network.
   */
  async admit(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
      const bridge = this.#bridges.nameOf(segment);
      const before = this.#records.get(segment.id);
      if (before !== undefined && this.#bridges.nameOf(before) !== bridge) {
        const had = this.#bridges.nameOf(before);
        throw new HostAgentError('conflict', `segment ${segment.id}: expected bridge ${had} as before, not ${bridge}`);
      }
      const twin = this.#records.entries().find(([id, other]) => {
        return id !== segment.id && segment.kind === 'guest' && this.#bridges.nameOf(other) === bridge;
      });
      if (twin !== undefined) {
        const [other] = twin;
        throw new HostAgentError(
          'conflict',
          `segment ${segment.id}: expected a vni that segment ${other} does not have`,
        );
      }
      await this.#records.put(segment.id, segment);
    }
  }

  /** Removes a segment that nothing uses. No error where it is unknown. Throws HostAgentError (`conflict`) while it is used. */
  async remove(id: string): Promise<void> {
    const segment = this.#records.get(id);
    if (segment === undefined) return;
    const users = this.#usersOf(id);
    if (users.length > 0) {
      throw new HostAgentError('conflict', `segment ${id}: expected no NIC on it, but ${users.join(', ')} has one`);
    }
    await this.#bridges.remove(segment);
    await this.#records.delete(id);
  }

  all(): Segment[] {
    return this.#records.entries().map(([, segment]) => segment);
  }

  clear(): void {
    this.#records.clear();
  }
}
