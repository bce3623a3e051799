const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

function quote(word: string): string {
  return plain.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command as one could paste it into a shell, each word quoted where it needs it. */
export function commandLine(file: string, args: readonly string[]): string {
  return [file, ...args].map(quote).join(' ');
}
