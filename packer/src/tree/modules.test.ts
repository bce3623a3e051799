import test from 'ava';
import { ImageBuildError } from '../image-build-error.ts';
import { parseModulesDep, selectModules } from './modules.ts';

const dependencies =
  parseModulesDep(`kernel/drivers/net/virtio_net.ko: kernel/drivers/virtio/virtio.ko kernel/net/failover.ko
kernel/drivers/virtio/virtio.ko:
kernel/net/failover.ko:
kernel/net/netfilter/xt_mark.ko: kernel/net/netfilter/x_tables.ko
kernel/net/netfilter/x_tables.ko:
kernel/net/xfrm/xfrm-user.ko:
`);

test('a module comes with what it depends on', (t) => {
  t.deepEqual(selectModules(['virtio_net'], dependencies, new Set()), [
    'kernel/drivers/net/virtio_net.ko',
    'kernel/drivers/virtio/virtio.ko',
    'kernel/net/failover.ko',
  ]);
});

test('a folder stands for all below it; hyphens and underscores are one', (t) => {
  t.deepEqual(selectModules(['net/netfilter/', 'xfrm_user'], dependencies, new Set()), [
    'kernel/net/netfilter/x_tables.ko',
    'kernel/net/netfilter/xt_mark.ko',
    'kernel/net/xfrm/xfrm-user.ko',
  ]);
});

test('what is built in needs no file, and what the kernel lacks is named', (t) => {
  t.deepEqual(selectModules(['ext4'], dependencies, new Set(['ext4'])), []);
  t.throws(() => selectModules(['ahci'], dependencies, new Set()), {
    instanceOf: ImageBuildError,
    message: /kernel module "ahci"/,
  });
  t.throws(() => selectModules(['net/none/'], dependencies, new Set()), { message: /net\/none/ });
});
