import { listCommand, type ResponseFields } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

const usageFields: ResponseFields = {
  ...ownerResponseFields,
  accountid: field.string('The id of the account'),
  zoneid: field.string('The id of the zone'),
  description: field.string('What was counted'),
  usage: field.string('How much, with its unit'),
  usagetype: field.integer('4: bytes sent; 5: bytes received'),
  rawusage: field.string('How many bytes'),
  usageid: field.string('The id of the network, or of the public IP address'),
  networkid: field.string('The id of the network'),
  name: field.string('The name of the network'),
  ipaddress: field.string('The public IP address; absent of a whole network'),
  startdate: field.date('When the time of the record began'),
  enddate: field.date('When the time of the record ends'),
};

const dayMs = 86_400_000;

/** A date without a time, as clients give it, stands for its whole day. */
function endOf(date: Date): Date {
  return date.getTime() % dayMs === 0 ? new Date(date.getTime() + dayMs) : date;
}

/** Bytes of networks, and with `usageid` or `ofpublicipaddresses` those of their public IP addresses. */
export const listUsageRecords = listCommand({
  name: 'listUsageRecords',
  description: 'Lists how many bytes each network sent and received',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'usage_record',
  parameters: {
    startdate: p.date.required('Records of the time from this date'),
    enddate: p.date.required('Records of the time until this date; a date without a time stands for its whole day'),
    type: p.integer(1, 1000).optional('List records of this kind: a number of listUsageTypes'),
    usageid: p.uuid.optional('List records about this network or public IP address'),
    accountid: p.entity('account').optional('List records of this account'),
    ofpublicipaddresses: p.boolean.optional(
      "Isthmus's own. True: records of each public IP address, in place of those of whole networks",
    ),
    includetags: p.boolean.optional('Accepted for the clients that send it'),
    oldformat: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'usagerecord',
  responseFields: usageFields,
  keywordColumns: ['network_name', 'public_ip_address'],
  order: ['start_date', 'network_name', 'public_ip_address', 'usage_type'],
  filter: (query, { startdate, enddate, type, usageid, accountid, ofpublicipaddresses }) => {
    const end = endOf(enddate);
    if (end.getTime() <= startdate.getTime()) {
      throw parameterError('enddate', enddate.toISOString(), `a date after startdate, ${startdate.toISOString()}`);
    }
    let q = query.where('usage_record.start_date', '<', end).where('usage_record.end_date', '>', startdate);
    if (type !== undefined) q = q.where('usage_record.usage_type', '=', type as 4 | 5);
    if (accountid !== undefined) q = q.where('usage_record.account_id', '=', accountid.id);
    const ofAddresses = ofpublicipaddresses === true;
    if (usageid === undefined) return q.where('usage_record.public_ip_address', ofAddresses ? '<>' : '=', '');
    return q.where(({ or, and, eb }) =>
      or([
        eb('usage_record.public_ip_address_id', '=', usageid),
        and([
          eb('usage_record.network_id', '=', usageid),
          eb('usage_record.public_ip_address', ofAddresses ? '<>' : '=', ''),
        ]),
      ]),
    );
  },
  present: async ({ db }, rows) => {
    const owner = await ownerFields(db, rows);
    const zones = await rowsById(
      db,
      'zone',
      rows.map(({ zone_id }) => zone_id),
    );
    return rows.map((row) => {
      const way = row.usage_type === 4 ? 'sent' : 'received';
      const where = row.public_ip_address === '' ? '' : ` at ${row.public_ip_address}`;
      const zone = zones.get(row.zone_id)?.name ?? row.zone_id;
      return {
        ...owner(row),
        accountid: row.account_id,
        zoneid: row.zone_id,
        description: `network bytes ${way} by network ${row.network_name}${where} in zone ${zone}`,
        usage: `${row.bytes} bytes`,
        usagetype: row.usage_type,
        rawusage: row.bytes,
        usageid: row.public_ip_address === '' ? row.network_id : (row.public_ip_address_id ?? undefined),
        networkid: row.network_id,
        name: row.network_name,
        ipaddress: row.public_ip_address === '' ? undefined : row.public_ip_address,
        startdate: row.start_date,
        enddate: row.end_date,
      };
    });
  },
});
