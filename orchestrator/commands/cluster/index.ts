import type { Command } from '../declaration.ts';
import { addCluster } from './add-cluster.ts';
import { listClusters } from './list-clusters.ts';

/** Commands on clusters. */
export const commands: readonly Command[] = [addCluster, listClusters];
