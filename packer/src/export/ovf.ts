/** What an OVF says of a machine with one disk. */
export interface OvfMachine {
  readonly name: string;
  readonly about: string;
  readonly version: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Bytes that the machine sees. */
  readonly virtualBytes: number;
  /** The VMDK's file, its size, and how much of it holds data. */
  readonly diskFile: string;
  readonly diskBytes: number;
  readonly populatedBytes: number;
  /** Names of networks, one a NIC. */
  readonly networks: readonly string[];
}

const mebibyte = 1024 * 1024;

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function item(members: readonly (readonly [string, string | number])[]): string {
  const lines = members.map(([name, value]) => `        <rasd:${name}>${escapeXml(String(value))}</rasd:${name}>`);
  return ['      <Item>', ...lines, '      </Item>'].join('\n');
}

/** Items are in the order of their names, as the schema of CIM wants them. */
function hardware({ cpus, memoryBytes, networks }: OvfMachine): string {
  const memory = Math.ceil(memoryBytes / mebibyte);
  const nics = networks.map((network, index) =>
    item([
      ['AddressOnParent', 7 + index],
      ['AutomaticAllocation', 'true'],
      ['Connection', network],
      ['ElementName', `NIC ${index}`],
      ['InstanceID', 10 + index],
      ['ResourceSubType', 'VmxNet3'],
      ['ResourceType', 10],
    ]),
  );
  return [
    item([
      ['AllocationUnits', 'hertz * 10^6'],
      ['ElementName', `${cpus} virtual CPUs`],
      ['InstanceID', 1],
      ['ResourceType', 3],
      ['VirtualQuantity', cpus],
    ]),
    item([
      ['AllocationUnits', 'byte * 2^20'],
      ['ElementName', `${memory} MB of memory`],
      ['InstanceID', 2],
      ['ResourceType', 4],
      ['VirtualQuantity', memory],
    ]),
    item([
      ['Address', 0],
      ['ElementName', 'SCSI controller 0'],
      ['InstanceID', 3],
      ['ResourceSubType', 'VirtualSCSI'],
      ['ResourceType', 6],
    ]),
    item([
      ['Address', 0],
      ['ElementName', 'IDE controller 0'],
      ['InstanceID', 4],
      ['ResourceType', 5],
    ]),
    item([
      ['AddressOnParent', 0],
      ['ElementName', 'disk 0'],
      ['HostResource', 'ovf:/disk/disk0'],
      ['InstanceID', 5],
      ['Parent', 3],
      ['ResourceType', 17],
    ]),
    item([
      ['AddressOnParent', 0],
      ['AutomaticAllocation', 'false'],
      ['ElementName', 'CD-ROM 0'],
      ['InstanceID', 6],
      ['Parent', 4],
      ['ResourceType', 15],
    ]),
    ...nics,
  ].join('\n');
}

/** The OVF 1.1 descriptor (DSP0243) of a machine, as VMware and VirtualBox import it. */
export function ovfText(machine: OvfMachine): string {
  const networks = machine.networks.map(
    (name) =>
      `    <Network ovf:name="${escapeXml(name)}">\n      <Description>${escapeXml(name)}</Description>\n    </Network>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:id="file0" ovf:href="${escapeXml(machine.diskFile)}" ovf:size="${machine.diskBytes}"/>
  </References>
  <DiskSection>
    <Info>Disks of the machine</Info>
    <Disk ovf:diskId="disk0" ovf:fileRef="file0" ovf:capacity="${machine.virtualBytes}" ovf:capacityAllocationUnits="byte" ovf:populatedSize="${machine.populatedBytes}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks of the machine</Info>
${networks.join('\n')}
  </NetworkSection>
  <VirtualSystem ovf:id="${escapeXml(machine.name)}">
    <Info>${escapeXml(machine.about)}</Info>
    <Name>${escapeXml(machine.name)}</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian10_64Guest">
      <Info>Debian GNU/Linux, 64 bits</Info>
    </OperatingSystemSection>
    <ProductSection>
      <Info>What this is</Info>
      <Product>${escapeXml(machine.name)}</Product>
      <Version>${escapeXml(machine.version)}</Version>
    </ProductSection>
    <VirtualHardwareSection>
      <Info>Hardware of the machine</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${escapeXml(machine.name)}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
${hardware(machine)}
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
}
