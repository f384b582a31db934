import { fresh } from "./retry.js";
import type { Item } from "./sender.js";

/** localStorage holds about 5 million characters for the whole origin; the page needs them more. */
const maxChars = 100_000;

/**
 * Keeps undelivered signals under name in localStorage, over a page close. The returned function adds
 * keep, takes gone out, forgets what is older than 24 h, and returns the others that are there. Each
 * call reads what other tabs have written; two tabs that send the same signal do no harm, its id counts once.
 */
export function store(name: string, max: number): (keep: Item[], gone: Item[]) => Item[] {
  return (keep, gone) => {
    let others: Item[] = [];
    try {
      const known = keep.concat(gone).map(([, text]) => text);
      others = (JSON.parse(localStorage[name]) as Item[]).filter((item) => fresh(item) && !known.includes(item[1]));
    } catch {
      // Nothing there, blocked, or not ours: overwritten below.
    }
    const items = others.concat(keep).slice(-max);
    try {
      let text;
      while ((text = JSON.stringify(items)).length > maxChars) items.shift();
      if (items[0]) localStorage[name] = text;
      else delete localStorage[name];
    } catch {
      // Blocked or full: the memory of this page remains.
    }
    return others;
  };
}
