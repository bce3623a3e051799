import { InvalidValueError } from '@isthmus/net';
import { type CommandContext, syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';
import { unservedFlag, unservedParameter } from '../unserved.ts';
import { presentTemplates, templateResponseFields } from './response.ts';

const guestImage = 'image:guest';

/** The name of a template; those of built-in ones are kept. */
const nameParameter: Parameter<string, true> = {
  ...p.name.required('Its name'),
  parse: (text) => {
    const name = p.name.required('').parse(text);
    if (name.startsWith('isthmus-')) {
      throw new InvalidValueError(text, 'a name that does not begin with isthmus-: those are built in');
    }
    return name;
  },
};

/**
 * registerTemplate: the disk's header is read before it answers; it is copied and looked at by qemu-img afterwards, and
 * the template is ready then (listTemplates says so, or why not). The answer is a list of one, as the field has it.
 */
export const registerTemplate = syncCommand({
  name: 'registerTemplate',
  description: 'Registers a qcow2 disk as a template',
  roles: ['Admin'],
  parameters: {
    name: nameParameter,
    displaytext: p.text.optional('Its description; by default its name', { maxLength: 4096 }),
    format: p.oneOf('QCOW2').required('Format of the disk: QCOW2'),
    hypervisor: p.oneOf('KVM').required('Its hypervisor: KVM'),
    url: p.text.required('file:///PATH.qcow2 on the machine of the orchestrator, or image:guest', { maxLength: 2048 }),
    ostypeid: p.entity('os_type').optional('Its OS type; by default Other Linux (64-bit)'),
    ispublic: p.boolean.optional('Whether every account may take it; by default false'),
    isfeatured: p.boolean.optional('Whether it is shown first; by default false'),
    zoneid: p.entity('zone').optional('Accepted for the clients that send it: a template is in every zone'),
    account: p.text.optional('The account that owns it; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The owner's domain"),
    bits: p.integer(32, 64).optional('Accepted for the clients that send it'),
    requireshvm: p.boolean.optional('Accepted for the clients that send it'),
    zoneids: unservedParameter('a template is in every zone', 'list'),
    checksum: unservedParameter('the SHA-256 that listTemplates tells is made of the copy'),
    passwordenabled: p.boolean.optional('True: its instances get a password, which they fetch from their router'),
    sshkeyenabled: p.boolean.optional('True: its instances take SSH keys; it is told, and changes nothing'),
    isextractable: unservedFlag('templates cannot be downloaded yet'),
    isdynamicallyscalable: unservedFlag('instances keep their size while they run'),
    isrouting: unservedFlag('routers are made from signed images alone'),
    directdownload: unservedFlag('hosts take disks from the orchestrator'),
    deployasis: unservedFlag('instances get what their offering says'),
    forcks: unservedFlag('there are no Kubernetes clusters'),
    templatetag: unservedParameter('there are no template tags'),
    templatetype: unservedParameter('a registered template is of type USER'),
    arch: unservedParameter('a template has the architecture of the hosts'),
    details: unservedParameter('templates have no details', 'map'),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: null,
  responseFields: templateResponseFields,
  handler: async (context, { url, ...parameters }) => {
    const { db, orchestration } = context;
    if (url !== guestImage && !/^file:\/\/\/[^/]/.test(url)) {
      throw parameterError('url', url, `file:// and the absolute path of a qcow2 file, or ${guestImage}`);
    }
    const owner = await context.owner(parameters);
    const osType = parameters.ostypeid ?? (await defaultOsType(db));
    const source =
      url === guestImage
        ? await guestDisk(db)
        : {
            size: (await orchestration.inspectTemplateDisk(url.slice('file://'.length))).virtualBytes,
            state: 'Importing' as const,
          };
    const template = await db
      .insertInto('template')
      .values({
        name: parameters.name,
        display_text: parameters.displaytext ?? parameters.name,
        format: 'QCOW2',
        hypervisor: 'KVM',
        os_type_id: osType.id,
        is_public: parameters.ispublic ?? false,
        is_featured: parameters.isfeatured ?? false,
        password_enabled: parameters.passwordenabled ?? false,
        ssh_key_enabled: parameters.sshkeyenabled ?? false,
        url,
        account_id: owner.accountId,
        domain_id: owner.domainId,
        ...source,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const resource = { type: 'Template', id: template.id, owner };
    await context.event('TEMPLATE.CREATE', `Registered template ${template.name}`, resource);
    return { count: 1, template: await presentTemplates(context, [template]) };
  },
  afterCommit: async ({ orchestration }, { url }, { template }) => {
    const [{ id } = { id: undefined }] = template as { readonly id: string }[];
    if (id !== undefined && url !== guestImage) orchestration.importTemplate(id);
  },
});

type Transaction = CommandContext['db'];

async function defaultOsType(db: Transaction): Promise<{ id: string }> {
  const osType = await db
    .selectFrom('os_type')
    .select('id')
    .where('description', '=', 'Other Linux (64-bit)')
    .executeTakeFirst();
  if (osType === undefined)
    throw new ApiError('parameter', 'Missing parameter ostypeid: expected the id of an OS type');
  return osType;
}

async function guestDisk(db: Transaction) {
  const template = await db
    .selectFrom('template')
    .select(['image_id', 'size', 'disk_sha256', 'physical_size'])
    .where('url', '=', guestImage)
    .where('name', '=', 'isthmus-guest')
    .executeTakeFirst();
  if (template === undefined) {
    throw parameterError('url', guestImage, 'an image that was registered; build it: npm run image -- guest');
  }
  return { ...template, physical_size: template.physical_size === null ? null : Number(template.physical_size) };
}
