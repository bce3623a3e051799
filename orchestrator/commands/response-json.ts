// How a response object is spelled, in answers and in the results of jobs.

/** A moment as CloudStack spells it: `2026-11-21T09:00:00+0000`. */
export function dateText(date: Date): string {
  return `${date.toISOString().slice(0, 19)}+0000`;
}

/** JSON without null and undefined, with dates spelled CloudStack's way. */
export function responseJson(value: unknown): string {
  // JSON.stringify asks Date.toJSON before the replacer, so the replacer looks at the holder.
  return JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    const original = this[key];
    if (original instanceof Date) return dateText(original);
    return item === null ? undefined : item;
  });
}
