// The guests of the benchmark `metadata`: their addresses, and what each reads.

/** The `number`-th guest's address, from 0. */
export function guestAddressOf(number: number): string {
  return `10.1.${2 + Math.floor(number / 250)}.${(number % 250) + 1}`;
}

/** The user data of a guest. */
export function userDataOf(address: string): string {
  return `#cloud-config\n# of ${address}\n${'hostname: guest\n'.repeat(32)}`;
}
