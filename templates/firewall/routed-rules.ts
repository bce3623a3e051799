import type { CidrLists } from './cidr-lists.ts';
import { DirectionRules } from './direction-rules.ts';
import { protocolMatch } from './protocol-match.ts';

/** What a routed network admits from outside; without a rule nothing new. Its egress rules are those of EgressRules. */
export class InboundRules extends DirectionRules {
  constructor(namePrefix: string, lists: CidrLists) {
    super({
      chain: `${namePrefix}inbound`,
      bucketPrefix: `${namePrefix}n-`,
      treePrefix: `${namePrefix}m-`,
      lists,
      protocolMatch: (rule) => protocolMatch<4>(rule, 'icmp'),
    });
  }
}
