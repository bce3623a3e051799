import type { Builder } from './builders.ts';
import type { PostProcessor, Provisioner } from './post-processors.ts';

/** A user variable: its default, or null where it has to be given (`-var name=value`). */
export type Variables = Readonly<Record<string, string | null>>;

/** A template of Packer in its JSON form, which Packer 1.6 reads. */
export interface Template {
  /** What it is for; not read as a template. */
  readonly description: string;
  /** The least version of Packer. */
  readonly minimumVersion: string;
  readonly variables: Variables;
  readonly builders: readonly Builder[];
  readonly provisioners: readonly Provisioner[];
  /** Chains: each post-processor of a chain takes what the one before it left. */
  readonly postProcessors: readonly (readonly PostProcessor[])[];
}

/** Name by which `only` and `-only` know a builder. */
export function builderName({ name, type }: Builder): string {
  return name ?? type;
}
