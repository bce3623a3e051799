export * from './build.ts';
export * from './build-request.ts';
export * from './debian/available-lock.ts';
export * from './image-build-error.ts';
export * from './sbom.ts';
export * from './sbom-sources.ts';
export * from './sign.ts';
export * from './signing-key.ts';
