// Run by itself in the router's network namespace, which the agent's own process cannot enter: prints the answer as JSON.
import { type ProbeQuestion, probe } from './probe.ts';

const [, , question = ''] = process.argv;
console.log(JSON.stringify(await probe(JSON.parse(question) as ProbeQuestion)));
