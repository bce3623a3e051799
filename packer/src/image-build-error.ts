/** An image cannot be built, for a reason that the person who asked for it can mend. The message is a sentence for them. */
export class ImageBuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageBuildError';
  }
}
