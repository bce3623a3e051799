/** An image cannot be built, for a reason that the person who asked for it can mend. The message is a sentence for them. */
export class ImageBuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageBuildError';
  }
}

/** The mirrors of this machine answer, and do not have a package of the lock any more. */
export class PackageGoneError extends ImageBuildError {
  constructor(message: string) {
    super(message);
    this.name = 'PackageGoneError';
  }
}
