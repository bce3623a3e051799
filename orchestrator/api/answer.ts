// The envelope of an answer, in JSON and in XML.
import { XMLBuilder } from 'fast-xml-parser';
import type { ResponseObject } from '../commands/declaration.ts';
import { errorCodes } from '../commands/errors.ts';
import type { Fault } from '../commands/fault.ts';
import { responseJson } from '../commands/response-json.ts';

/** What goes to the caller. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Which format the call asks for: JSON by `response=json`, else XML. */
export type Format = 'json' | 'xml';

/** The release of CloudStack whose API this is, as XML answers tell it. */
export const apiRelease = '4.22.0.0';

const contentTypes = { json: 'application/json; charset=UTF-8', xml: 'text/xml; charset=UTF-8' } as const;

const notInXml = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: false });

/** A value without what XML 1.0 has no character for. */
function xmlValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(xmlValue);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, xmlValue(item)]));
  }
  return typeof value === 'string' ? value.replaceAll(notInXml, '') : value;
}

function body(format: Format, name: string, content: ResponseObject): string {
  if (format === 'json') return responseJson({ [name]: content });
  const clean = JSON.parse(responseJson(content)) as Record<string, unknown>;
  const text: string = builder.build({
    [name]: { '@cloud-stack-version': apiRelease, ...(xmlValue(clean) as object) },
  });
  return `<?xml version="1.0" encoding="UTF-8"?>${text}`;
}

/** Commands whose envelope is not their name and `response`. */
const oddEnvelopes: Readonly<Record<string, string>> = {
  listldapconfigurations: 'ldapconfigurationresponse',
  restorevirtualmachine: 'restorevmresponse',
};

/** The answer of a command that succeeded. */
export function success(format: Format, command: string, content: ResponseObject): Answer {
  const name = command.toLowerCase();
  return {
    status: 200,
    contentType: contentTypes[format],
    headers: {},
    body: body(format, oddEnvelopes[name] ?? `${name}response`, content),
  };
}

/** CloudStack's number of an exception, beside the error code. */
function exceptionCode(errorcode: number): number {
  return errorcode === errorCodes.parameter ? 4350 : 9999;
}

/** The answer of a call that failed; `command` is null where there is none of its name. */
export function failure(format: Format, command: string | null, fault: Fault): Answer {
  const content = {
    uuidList: [],
    errorcode: fault.errorcode,
    cserrorcode: exceptionCode(fault.errorcode),
    errortext: fault.errortext,
  };
  const name = command === null ? 'errorresponse' : `${command.toLowerCase()}response`;
  return {
    status: fault.errorcode,
    contentType: contentTypes[format],
    // A header holds one line of Latin letters.
    headers: { 'X-Description': fault.errortext.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 1000) },
    body: body(format, name, content),
  };
}
