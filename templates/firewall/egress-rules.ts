import type { CidrLists } from './cidr-lists.ts';
import { DirectionRules } from './direction-rules.ts';
import { protocolMatch } from './protocol-match.ts';

/** The egress rules of a network, behind NAT or routed. */
export class EgressRules extends DirectionRules {
  constructor(namePrefix: string, lists: CidrLists) {
    super({
      chain: `${namePrefix}egress`,
      bucketPrefix: `${namePrefix}b-`,
      treePrefix: `${namePrefix}e-`,
      lists,
      protocolMatch: (rule) => protocolMatch<4>(rule, 'icmp'),
    });
  }
}
