// Run by itself in the router's network namespace, which the agent's own process cannot enter: prints the faults as JSON.
import { type ConnectQuestion, connectFaults } from './connect.ts';

const [, , question = ''] = process.argv;
console.log(JSON.stringify(await connectFaults(JSON.parse(question) as ConnectQuestion)));
