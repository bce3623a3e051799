// Settings of the installation about DNS.

/** CloudStack's setting: guests are told of the network's resolvers, else the zone's, rather than of their router. */
export const useExternalDns = 'use.external.dns';
