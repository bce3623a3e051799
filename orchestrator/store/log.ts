// What the layers above the store log by; they do not know packages/host.
export { type Log, silentLog } from '@isthmus/host';
