// Images of appliances and instances that the orchestrator trusts: verified as they are registered, and again before use.
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Update } from '@isthmus/contract';
import { type ImageRole, imageRoles } from '@isthmus/image-manifest';
import { type Selectable, sql } from 'kysely';
import { ApiError } from '../model/api-error.ts';
import type { Db } from './database.ts';
import { FileDigests } from './file-digests.ts';
import { ensureGuestTemplate } from './guest-template.ts';
import { ImageRefusedError, readImageFolder, trustedKeys, type VerifiedImage } from './image-folder.ts';
import type { ImageTable } from './schema.ts';

export type ImageRow = Selectable<ImageTable>;

/** Where images and the keys that are trusted for them lie: absolute paths. */
export interface ImageFolders {
  /** `<images>/<role>/manifest.json` and the files beside it. */
  readonly images: string;
  /** Public keys in `<keys>/trusted/*.pem`. */
  readonly keys: string;
}

/** ISTHMUS_IMAGES and ISTHMUS_IMAGE_KEYS, else dist/images and var/image-keys below `checkout` (an absolute path). */
export function imageFolders(env: NodeJS.ProcessEnv, checkout: string): ImageFolders {
  return {
    images: resolve(env.ISTHMUS_IMAGES ?? join(checkout, 'dist', 'images')),
    keys: resolve(env.ISTHMUS_IMAGE_KEYS ?? join(checkout, 'var', 'image-keys')),
  };
}

/** What became of the image of a role. `id`: of its row. */
export type Registration =
  | { readonly role: ImageRole; readonly state: 'absent' }
  | { readonly role: ImageRole; readonly state: 'registered'; readonly id: string }
  | { readonly role: ImageRole; readonly state: 'refused'; readonly error: ImageRefusedError };

/** The images in the database and on disk. */
export class ImageStore {
  readonly #db: Db;
  readonly #folders: ImageFolders;
  readonly #digests = new FileDigests();

  constructor(db: Db, folders: ImageFolders) {
    this.#db = db;
    this.#folders = folders;
  }

  /**
   * Verifies the image of every role and puts those that are new into table `image`, the guest's also as a template. One
   * that is refused leaves the row of the last good one as it is. Cheap where no file changed since.
   */
  async register(): Promise<Registration[]> {
    const outcomes: Registration[] = [];
    for (const role of imageRoles) outcomes.push(await this.registerRole(role));
    return outcomes;
  }

  /** `register` of one role. */
  async registerRole(role: ImageRole): Promise<Registration> {
    const directory = join(this.#folders.images, role);
    try {
      const image = await this.#read(role, directory);
      if (image === null) return { role, state: 'absent' };
      return { role, state: 'registered', id: await this.#put(role, directory, image) };
    } catch (error) {
      if (error instanceof ImageRefusedError) return { role, state: 'refused', error };
      throw error;
    }
  }

  /**
   * The image that a new VM of a role is made from: what lies in its folder now, or, where nothing does, the one
   * registered last (hosts may have it). Throws 534 where that is refused, and where there never was one.
   */
  async current(role: ImageRole): Promise<ImageRow> {
    const outcome = await this.registerRole(role);
    if (outcome.state === 'refused') {
      throw new ApiError('resourceUnavailable', outcome.error.message, { cause: outcome.error });
    }
    const row = await newest(this.#db, role);
    if (row !== undefined) return row;
    throw new ApiError(
      'resourceUnavailable',
      `there is no image ${role} in ${this.#folders.images}; build it: npm run image -- ${role}`,
    );
  }

  /** A registered image. Throws 534 for an id without a row. */
  async row(imageId: string): Promise<ImageRow> {
    const row = await this.#db.selectFrom('image').selectAll().where('id', '=', imageId).executeTakeFirst();
    if (row === undefined) throw new ApiError('resourceUnavailable', `image ${imageId} is not registered`);
    return row;
  }

  /**
   * The files of a registered image, checked once more: signature, sizes and times, and whole where anything changed.
   * Throws ImageRefusedError where they are not, or no longer, what was registered, and 534 for an id without a row.
   */
  async verified(imageId: string): Promise<VerifiedImage> {
    const row = await this.row(imageId);
    const image = await this.#read(row.role, row.directory);
    if (image === null) throw new ImageRefusedError(row.role, row.directory, 'its manifest.json is gone');
    if (image.disk.sha256 !== row.disk_sha256) {
      const wanted = `version ${row.version} with disk ${row.disk_sha256}`;
      throw new ImageRefusedError(row.role, row.directory, `${wanted} is wanted, and another build lies there now`);
    }
    return image;
  }

  /** Public keys (PEM) by which images are trusted. */
  trustedKeys(): Promise<string[]> {
    return trustedKeys(this.#folders.keys);
  }

  /**
   * The agent of a registered image as an update, with the signature by which an appliance checks it. Throws as
   * `verified`, and 534 where the image has no bundle.
   */
  async update(imageId: string): Promise<Update> {
    const { directory } = await this.row(imageId);
    const { bundle } = await this.verified(imageId);
    if (bundle === null) {
      throw new ApiError('resourceUnavailable', `the image in ${directory} has no bundle of its agent: build it anew`);
    }
    const manifest = join(directory, 'manifest.json');
    return {
      manifest: (await readFile(manifest)).toString('base64'),
      signature: await readFile(`${manifest}.sig`, 'utf8'),
      bundle: (await readFile(bundle.path)).toString('base64'),
    };
  }

  async #read(role: ImageRole, directory: string): Promise<VerifiedImage | null> {
    const trusted = await trustedKeys(this.#folders.keys);
    return readImageFolder(role, directory, { trusted, digests: this.#digests });
  }

  async #put(role: ImageRole, directory: string, { manifest, disk }: VerifiedImage): Promise<string> {
    const row = {
      role,
      version: manifest.version,
      architecture: manifest.architecture,
      manifest: JSON.stringify(manifest),
      directory,
      disk_sha256: disk.sha256,
    };
    return this.#db.transaction().execute(async (trx) => {
      const last = await newest(trx, role);
      const isSame =
        last?.disk_sha256 === disk.sha256 &&
        last.directory === directory &&
        last.architecture === manifest.architecture &&
        last.version === manifest.version;
      const { id } = isSame
        ? last
        : await trx
            .insertInto('image')
            .values(row)
            .onConflict((conflict) =>
              conflict.columns(['role', 'architecture', 'disk_sha256']).doUpdateSet({ ...row, created: sql`now()` }),
            )
            .returning('id')
            .executeTakeFirstOrThrow();
      if (role === 'guest') await ensureGuestTemplate(trx, { id, manifest, diskSha256: disk.sha256 });
      return id;
    });
  }
}

/** An image built before is the newest again when its files are put back: `created` is when it was registered last. */
async function newest(db: Db, role: ImageRole): Promise<ImageRow | undefined> {
  return db
    .selectFrom('image')
    .selectAll()
    .where('role', '=', role)
    .orderBy('created', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}
