import { generateKeyPairSync, sign } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { newKeys, soundManifest } from './image-manifest-fixture.ts';
import { ImageManifestError, type ImageManifestFault, manifestBytes } from './manifest.ts';
import { imageKeyId, signManifest, verifyManifest } from './signature.ts';

const keys = newKeys();
const others = newKeys();
const bytes = manifestBytes(soundManifest);
const signature = signManifest(bytes, keys.privatePem);

function faultOf(content: Uint8Array, text: string | null, trusted: readonly string[]): ImageManifestFault | 'none' {
  try {
    verifyManifest(content, text, trusted);
  } catch (error) {
    if (error instanceof ImageManifestError) return error.fault;
    throw error;
  }
  return 'none';
}

test('a signed manifest is trusted by those who trust its key', (t) => {
  t.deepEqual(verifyManifest(bytes, signature, [others.publicPem, keys.publicPem]), soundManifest);
  t.is(signature.split(' ')[1], imageKeyId(keys.publicPem));
  t.is(imageKeyId(keys.privatePem), imageKeyId(keys.publicPem));
});

test('each reason why a manifest is not trusted has a fault of its own', (t) => {
  const changed = manifestBytes({ ...soundManifest, debug: true });
  const claimed = signManifest(bytes, others.privatePem).replace(
    imageKeyId(others.publicPem),
    imageKeyId(keys.publicPem),
  );
  t.is(faultOf(bytes, null, [keys.publicPem]), 'unsigned');
  t.is(faultOf(bytes, '\n', [keys.publicPem]), 'unsigned');
  t.is(faultOf(bytes, signature, []), 'unknown-key');
  t.is(faultOf(bytes, signature, [others.publicPem]), 'unknown-key');
  t.is(faultOf(changed, signature, [keys.publicPem]), 'bad-signature');
  t.is(faultOf(bytes, claimed, [keys.publicPem]), 'bad-signature');
  t.is(faultOf(bytes, `${signature}${signature}`, [keys.publicPem]), 'bad-signature');
  t.is(faultOf(bytes, 'hello', [keys.publicPem]), 'bad-signature');
});

test('a trusted signature over something that is no manifest makes it none', (t) => {
  const content = Buffer.from('{"schema": 1}\n');
  const text = `isthmus-image-v1 ${imageKeyId(keys.publicPem)} ${sign(null, content, keys.privatePem).toString('base64')}`;
  t.is(faultOf(content, text, [keys.publicPem]), 'malformed');
  t.throws(() => signManifest(content, keys.privatePem), { instanceOf: ImageManifestError });
});

test('one changed byte anywhere, in manifest or signature, is noticed', (t) => {
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8((damaged.readUInt8(at) ^ flip) & 0xff, at);
      t.is(faultOf(damaged, signature, [keys.publicPem]), 'bad-signature');
    }),
  );
  fc.assert(
    fc.property(fc.nat(signature.length - 2), fc.constantFrom('A', '0', ' ', '\n'), (at, letter) => {
      fc.pre(signature[at] !== letter);
      const damaged = `${signature.slice(0, at)}${letter}${signature.slice(at + 1)}`;
      t.not(faultOf(bytes, damaged, [keys.publicPem]), 'none');
    }),
  );
});

test('keys of other kinds are refused by name', (t) => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  t.throws(() => imageKeyId(publicKey.export({ type: 'spki', format: 'pem' }).toString()), {
    message: 'key of images: a key of type ed25519 is needed, not ec',
  });
});
