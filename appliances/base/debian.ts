/** The one Debian release that images are made of. */
export const debianRelease = 'bookworm';

/** Architectures of images, as Debian calls them. */
export const architectures = ['amd64'] as const;
export type Architecture = (typeof architectures)[number];

/** Package whose dependency is the kernel: small, for virtual machines, its image packed with LZ4. */
export const kernelPackage = 'linux-image-cloud-amd64';

/** Packages that the boot partition is made from; nothing of them is in the root. */
export const bootLoaderPackages: readonly string[] = ['grub-pc-bin', 'grub-efi-amd64-bin'];
