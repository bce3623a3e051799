import type { CommandContext, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

/** Fields of a template. */
export const templateResponseFields: ResponseFields = {
  id: field.string('The id of the template'),
  name: field.string('Its name'),
  displaytext: field.string('Its description'),
  format: field.string('Format of its disk: QCOW2; NAMESPACE has none'),
  hypervisor: field.string('Its hypervisor'),
  ispublic: field.boolean('Whether every account may take it'),
  isfeatured: field.boolean('Whether it is shown first'),
  isready: field.boolean('Whether it can be deployed'),
  isextractable: field.boolean('Always false'),
  passwordenabled: field.boolean('Whether its instances get passwords'),
  sshkeyenabled: field.boolean('Whether its instances take SSH keys'),
  userdataid: field.string('The id of the user data that its instances read'),
  userdataname: field.string('The name of that user data'),
  userdatapolicy: field.string("What an instance's own user data does to it"),
  crossZones: field.boolean('True: it is in every zone'),
  created: field.date('When it was registered'),
  size: field.long('Bytes of its disk as an instance sees it'),
  physicalsize: field.long("Bytes of its disk's file"),
  checksum: field.string("SHA-256 of its disk's file"),
  status: field.string('Download Complete, Processing, or why it cannot be deployed'),
  templatetype: field.string('BUILTIN or USER'),
  url: field.string('Where its disk came from'),
  ostypeid: field.string('Its OS type'),
  ostypename: field.string("The OS type's name"),
  ...ownerResponseFields,
  tags: field.set('Resource tags'),
};

function statusOf({ state, reason }: EntityRow<'template'>): string {
  if (state === 'Ready') return 'Download Complete';
  return state === 'Importing' ? 'Processing' : (reason ?? 'Failed');
}

/** Built-in templates come and go with what they are made of. */
export function isBuiltIn({ url, name }: EntityRow<'template'>): boolean {
  return url.startsWith('builtin:') || (url === 'image:guest' && name.startsWith('isthmus-'));
}

/** Templates as the API shows them. */
export async function presentTemplates(
  { db, caller }: Pick<CommandContext, 'db' | 'caller'>,
  rows: readonly EntityRow<'template'>[],
): Promise<ResponseObject[]> {
  const osTypes = await rowsById(
    db,
    'os_type',
    rows.map((row) => row.os_type_id),
  );
  const userData = await rowsById(
    db,
    'user_data',
    rows.map((row) => row.user_data_id),
  );
  const owner = await ownerFields(db, rows);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    displaytext: row.display_text,
    format: row.format,
    hypervisor: row.hypervisor,
    ispublic: row.is_public,
    isfeatured: row.is_featured,
    isready: row.state === 'Ready',
    isextractable: false,
    passwordenabled: row.password_enabled,
    sshkeyenabled: row.ssh_key_enabled,
    userdataid: row.user_data_id ?? undefined,
    userdataname: row.user_data_id === null ? undefined : userData.get(row.user_data_id)?.name,
    userdatapolicy: row.user_data_policy ?? undefined,
    crossZones: true,
    created: row.created,
    size: Number(row.size),
    physicalsize: row.physical_size === null ? undefined : Number(row.physical_size),
    checksum: row.disk_sha256 ?? undefined,
    status: statusOf(row),
    templatetype: isBuiltIn(row) ? 'BUILTIN' : 'USER',
    // A path of the orchestrator's machine is no tenant's concern.
    url: caller.role === 'Admin' ? row.url : undefined,
    ostypeid: row.os_type_id,
    ostypename: osTypes.get(row.os_type_id)?.description,
    ...owner(row),
    tags: [],
  }));
}
