import type { Template } from './template.ts';
import { validate } from './validate.ts';

/** Text of a template, as Packer reads it from a `.json` file. Throws TypeError for one that `validate` finds wrong. */
export function render(template: Template): string {
  const [issue] = validate(template);
  if (issue !== undefined) throw new TypeError(`template of Packer: ${issue.path}: ${issue.message}`);
  const { description, minimumVersion, variables, builders, provisioners, postProcessors } = template;
  const document = {
    description,
    min_packer_version: minimumVersion,
    variables,
    builders,
    ...(provisioners.length === 0 ? {} : { provisioners }),
    ...(postProcessors.length === 0 ? {} : { 'post-processors': postProcessors }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
