// A guest of 512 bytes that shows whether an accelerator runs kernels. Real mode alone proves too little: there are machines
// whose KVM runs the firmware and a boot sector, and hangs in long mode. Its source is boot-probe.S.

/** What the guest writes to port 0xf4, QEMU's isa-debug-exit device; QEMU ends with twice that and one. */
export const bootProbeExitCode = 0x10 * 2 + 1;

const code =
  'fa31c08ed88ec08ed0bc007c66bf0010000066b9000c00006631c0fc66f3abc70600100320c70600200330c7060030830066' +
  'b8200000000f22e066b8001000000f22d866b9800000c00f32660d000100000f300f20c0660d010000800f0116f07c0f22c0' +
  'ea697c0800b8100000008ed88ec08ed0bc007c0000b011e620b020e621b004e621b001e621b0fee621b034e643b0a9e640b0' +
  '04e640bf00520000b8c97c000066abb80800008eab31c066ab48ab0f011c25f67c000031dbfbf483fb1472fab010e6f4f4eb' +
  'fd50ffc3b020e6205848cf0f1f440000000000000000000000000000009a200000000000009200001700d87c00000f020050';

/** The boot sector: code and the signature that firmware looks for. */
export function bootProbeSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set(Buffer.from(code, 'hex'));
  sector.set([0x55, 0xaa], 510);
  return sector;
}
