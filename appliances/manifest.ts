// What a manifest of an appliance says. It is data: packer/ reads it and builds the image.

/** What an image is for. `guest` is the tiny Linux of instances in tests and demos. */
export const applianceRoles = ['router', 'console-proxy', 'secondary-storage', 'guest'] as const;
export type ApplianceRole = (typeof applianceRoles)[number];

/** A file of the image. `text` stands here or comes from `asset`, a file of this workspace. */
export type ImageText =
  | { readonly path: string; readonly text: string; readonly mode?: number }
  | { readonly path: string; readonly asset: string; readonly mode?: number };

/** An account without a password, and the group of the same name and number. */
export interface Account {
  readonly name: string;
  readonly id: number;
  readonly home: string;
  /** Name of its first group where that is not its own. */
  readonly group?: string;
}

/**
 * Modules of the kernel, each with what it depends on: by name (`virtio_net`), or all below a folder of the kernel's tree
 * (`net/netfilter/`).
 */
export type KernelModules = readonly string[];

/** A service that is bundled to one file and run by the pinned Node. */
export interface ImageService {
  /** The entry, from the root of the checkout. */
  readonly entry: string;
  /** True: it begins from a snapshot of its heap. What it loads may not use HTTP or TLS while it loads. */
  readonly snapshot: boolean;
}

/** What an image is made of, and what it needs to run. */
export interface ApplianceManifest {
  readonly role: ApplianceRole;
  readonly about: string;
  /** Debian packages; what they depend on comes along, except `without`. */
  readonly packages: readonly string[];
  /** Packages that others depend on for their installation alone: they and theirs stay out. */
  readonly without: readonly string[];
  /** Packages of `--debug` images besides. */
  readonly debugPackages: readonly string[];
  readonly accounts: readonly Account[];
  readonly files: readonly ImageText[];
  /** Folders that are there, empty: where something is mounted or linked. */
  readonly folders: readonly string[];
  /** Symbolic links: path → target. */
  readonly links: Readonly<Record<string, string>>;
  /** Paths that are not kept, from the root of the image; `/` at the end: the folder and all in it. */
  readonly strip: readonly string[];
  readonly initramfs: { readonly modules: KernelModules; readonly files: readonly ImageText[] };
  /** Null: the initramfs is all of the system, and the disk has a boot partition only. */
  readonly root: {
    readonly modules: KernelModules;
    /** Bytes of the partition that the first boot formats and that holds all that is written. */
    readonly stateBytes: number;
    readonly service: ImageService | null;
    /** Programs with the setuid or setgid bit that are meant to be there. */
    readonly setuid: readonly string[];
    /** Programs that have to be there; the build fails where one is absent. */
    readonly programs: readonly string[];
  } | null;
  readonly kernelCommandLine: string;
  readonly requirements: { readonly cpus: number; readonly memoryBytes: number };
}
