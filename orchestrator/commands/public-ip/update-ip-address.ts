import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { presentPublicIp, publicIpResponseFields } from './response.ts';

/** CloudStack changes no more of an address than whether it is displayed, and here every one is. */
export const updateIpAddress = asyncCommand({
  name: 'updateIpAddress',
  description: 'Answers with a public IP address; there is nothing of it to update',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('public_ip_address').required('The public IP address'),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    customid: unservedParameter('ids are given by the installation', 'uuid'),
  },
  responseKey: 'ipaddress',
  responseFields: publicIpResponseFields,
  eventType: 'NET.IPUPDATE',
  instanceType: 'IpAddress',
  creates: false,
  prepare: async (_context, { id }) => ({ id: id.id }),
  execute: (context, id) => presentPublicIp(context, id),
});
