import type { Command } from '../declaration.ts';
import { createSSHKeyPair } from './create-ssh-key-pair.ts';
import { deleteSSHKeyPair } from './delete-ssh-key-pair.ts';
import { listSSHKeyPairs } from './list-ssh-key-pairs.ts';
import { registerSSHKeyPair } from './register-ssh-key-pair.ts';

export const commands: readonly Command[] = [createSSHKeyPair, registerSSHKeyPair, deleteSSHKeyPair, listSSHKeyPairs];
