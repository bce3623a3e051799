// What packets see of a router: new connections to the last of many forwards, and the throughput of one connection.
import { connectionsPerSecond } from './datapath-connections.ts';
import { throughput } from './datapath-throughput.ts';
import type { Benchmark } from './result.ts';

export const datapath: Benchmark = {
  about: 'new connections to the last of N forwards, and TCP throughput',
  needs: ['wrk', 'iperf3'],
  run: async ({ quick, say }) => {
    const sizes = quick ? [10, 10_000] : [10, 100, 1000, 10_000];
    const connections = await connectionsPerSecond({ sizes, rounds: quick ? 6 : 21, say });
    return [...connections, ...(await throughput({ rounds: quick ? 6 : 21, say }))];
  },
};
