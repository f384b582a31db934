import type { Item } from "./sender.js";

const maxAge = 24 * 60 * 60_000;
/** localStorage holds about 5 million characters for the whole origin; the page needs them more. */
const maxChars = 100_000;

/**
 * Keeps undelivered signals under name in localStorage, over a page close. The returned function adds
 * keep, takes gone out, forgets what is older than 24 h, and returns what is left. Each call reads
 * what other tabs have written; two tabs that send the same signal do no harm, its id counts once.
 */
export function store(name: string, max: number): (keep: Item[], gone: Item[]) => Item[] {
  return (keep, gone) => {
    let items = keep;
    try {
      const known = keep.concat(gone).map(([, id]) => id);
      items = (JSON.parse(localStorage[name]) as Item[]).filter(([, id]) => !known.includes(id)).concat(keep);
    } catch {
      // Nothing there, blocked, or not ours: overwritten below.
    }
    items = items.slice(-max).filter(([at]) => Math.abs(Date.now() - at) < maxAge);
    try {
      let text;
      while ((text = JSON.stringify(items)).length > maxChars) items.shift();
      if (items[0]) localStorage[name] = text;
      else delete localStorage[name];
    } catch {
      // Blocked or full: the memory of this page remains.
    }
    return items;
  };
}
