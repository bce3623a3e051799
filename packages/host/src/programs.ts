// Programs that are named by their path.

/** nftables' own tool. By its path: an npm package among those that build Isthmus has a program of this name, and npm puts that first. */
export const nft = '/usr/sbin/nft';
