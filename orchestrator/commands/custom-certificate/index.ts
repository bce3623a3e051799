import type { Command } from '../declaration.ts';
import { uploadCustomCertificate } from './upload-custom-certificate.ts';

export const commands: readonly Command[] = [uploadCustomCertificate];
