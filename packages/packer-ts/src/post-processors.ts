import type { PackerText } from './text.ts';

/** `only` names builders; absent: for all. */
interface Limited {
  readonly only?: readonly string[];
}

/** A command on the machine that Packer runs on, after a build or (as provisioner) while the machine is on. */
export interface ShellLocal extends Limited {
  readonly type: 'shell-local';
  /** Lines of a shell script. */
  readonly inline: readonly PackerText[];
}

/** Writes checksums of all files of a build. */
export interface Checksum extends Limited {
  readonly type: 'checksum';
  readonly checksum_types: readonly ('sha256' | 'sha512')[];
  readonly output: PackerText;
}

/** Takes these files for the result of the build, in place of the builder's. */
export interface Artifice extends Limited {
  readonly type: 'artifice';
  readonly files: readonly PackerText[];
}

export type PostProcessor = ShellLocal | Checksum | Artifice;
export type Provisioner = ShellLocal;
