import { type ResponseField, syncCommand } from '../declaration.ts';

/** What this installation can, by CloudStack's names. */
const capabilities = {
  cloudstackversion: '4.22.0.0',
  securitygroupsenabled: false,
  dynamicrolesenabled: false,
  userpublictemplateenabled: false,
  supportELB: 'false',
  projectinviterequired: false,
  allowusercreateprojects: false,
  customdiskofferingminsize: 1,
  customdiskofferingmaxsize: 1024,
  regionsecondaryenabled: false,
  kvmsnapshotenabled: false,
  allowuserviewdestroyedvm: true,
  allowuserexpungerecovervm: true,
  allowuserexpungerecovervolume: false,
  allowuserviewalldomainaccounts: false,
  allowuserforcestopvm: true,
  kubernetesserviceenabled: false,
  kubernetesclusterexperimentalfeaturesenabled: 'false',
  customhypervisordisplayname: 'Custom',
  defaultuipagesize: 20,
  instancesstatsretentiontime: 0,
  instancesstatsuseronly: false,
  instancesdisksstatsretentionenabled: false,
  instancesdisksstatsretentiontime: 0,
  instanceleaseenabled: false,
  dynamicscalingenabled: false,
  additionalconfigenabled: false,
} as const;

function field(name: string, value: unknown): readonly [string, ResponseField] {
  const type = typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'long' : 'string';
  return [name, { type, description: `CloudStack's capability ${name}` }];
}

/** Tells clients what they may offer. */
export const listCapabilities = syncCommand({
  name: 'listCapabilities',
  description: 'Lists the capabilities of this installation',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {},
  responseKey: 'capability',
  responseFields: Object.fromEntries(Object.entries(capabilities).map(([name, value]) => field(name, value))),
  handler: async () => capabilities,
});
