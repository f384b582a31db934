import { asCounted } from "../format";

const units = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
] as const;

/** A period in the largest unit that says it exactly, and of which there are two: "29 days", "24 hours". */
export function inGrace(seconds: number): string {
  const [size, name] = units.find(([size, name]) => seconds % size === 0 && (seconds >= 2 * size || name !== "day")) ?? [1, "second"];
  return asCounted(seconds / size, name);
}

/** Whether a deletion can be taken back, and for how long; what goes follows. */
export function wayBack(grace: number | undefined): string {
  if (grace === undefined) return "All doors close at once, and no key works. For a while signing in lets you take it back: the privacy page says for how long. Then this is gone for good:";
  if (grace <= 0) return "All doors close at once, and everything begins to go at once. This cannot be taken back. What goes for good:";
  return `All doors close at once, and no key works. For ${inGrace(grace)} signing in only lets you take it back; then this is gone for good:`;
}
