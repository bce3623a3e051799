// Tables of further DHCP options.

/** `value` as `parseDhcpOptionValue` of @isthmus/net reads it for `code`. */
interface DhcpOptionColumns {
  code: number;
  value: string;
}

export interface NicDhcpOptionTable extends DhcpOptionColumns {
  nic_id: string;
}

export interface NetworkDhcpOptionTable extends DhcpOptionColumns {
  network_id: string;
}

export interface DhcpTables {
  nic_dhcp_option: NicDhcpOptionTable;
  network_dhcp_option: NetworkDhcpOptionTable;
}
