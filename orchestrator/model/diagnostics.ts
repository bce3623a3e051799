// What runDiagnostics and getDiagnosticsData take, as text.
import { type DiagnosticTool, diagnosticFault } from '@isthmus/contract';
import { type Ipv4Address, type Ipv6Address, isIpv4Address, isIpv6Address, parseIpv6Address } from '@isthmus/net';
import { parameterError } from './api-error.ts';

const mostWords = 16;

/** The words of `params`. Throws 431 with the first that the tool may not be given. */
export function diagnosticWords(tool: DiagnosticTool, params: string | undefined): string[] {
  const words = (params ?? '').split(' ').filter((word) => word !== '');
  const odd = words.find((word) => !/^[A-Za-z0-9._:-]{1,64}$/.test(word));
  if (odd !== undefined)
    throw parameterError('params', odd, `words of letters, digits, dots and hyphens, without ${odd}`);
  if (words.length > mostWords) throw parameterError('params', params, `at most ${mostWords} words`);
  const fault = diagnosticFault(tool, words);
  if (fault === null) return words;
  const at = fault.indexOf(': expected ');
  throw parameterError('params', fault.slice(0, at), fault.slice(at + ': expected '.length));
}

/** The address to ask. Throws 431. */
export function diagnosticAddress(tool: DiagnosticTool, text: string): Ipv4Address | Ipv6Address {
  if (isIpv4Address(text)) return text;
  if (!isIpv6Address(text)) throw parameterError('ipaddress', text, 'an IPv4 or IPv6 address');
  if (tool === 'arping') throw parameterError('ipaddress', text, 'an IPv4 address, which arping asks for');
  return parseIpv6Address(text);
}

/** Names of `files`. Throws 431 for one that no bundle has by its form alone. */
export function diagnosticFiles(files: readonly string[] | undefined): string[] {
  const odd = files?.find((name) => !/^[A-Za-z0-9._/[\]-]{1,255}$/.test(name) || name.split('/').includes('..'));
  if (odd !== undefined) throw parameterError('files', odd, 'names such as [IPTABLES] or dnsmasq.conf');
  return [...new Set(files ?? [])];
}
