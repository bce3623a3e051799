import type { Host } from '@isthmus/host';

/** Control fields that say what is in an image; the others tell an installation what to do. */
const fields = ['Package', 'Source', 'Version', 'Architecture', 'Section', 'Maintainer', 'Homepage', 'Description'];

/**
 * What dpkg would note of these packages had it installed them: the text of /var/lib/dpkg/status, which scanners of images
 * read, in the order of `paths`.
 */
export async function packageStatus(host: Host, paths: readonly string[]): Promise<string> {
  const paragraphs = await Promise.all(
    paths.map(async (path) => {
      const { stdout } = await host.commands.run('dpkg-deb', ['--field', path, ...fields]);
      return stdout.replace('\n', '\nStatus: install ok installed\n');
    }),
  );
  return paragraphs.map((paragraph) => `${paragraph.trimEnd()}\n`).join('\n');
}
