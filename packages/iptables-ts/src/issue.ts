/** A fault of a model: `path` as `filter.INPUT.rules.3.match.destinationPorts`, `message` a sentence about it. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}
