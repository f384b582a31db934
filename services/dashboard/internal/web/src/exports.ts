import type { Schemas } from "./api";
import { asCount, asMoment } from "./format";
import type { Tone } from "./parts/ui";

export type Export = Schemas["Export"];

export const exportLooks: Record<Export["status"], [Tone, string]> = {
  queued: ["neutral", "◷ waiting"],
  building: ["accent", "◔ being made"],
  ready: ["good", "✓ ready"],
  failed: ["bad", "✕ failed"],
  expired: ["neutral", "◌ expired"],
};

export function isOnItsWay(e: Export): boolean {
  return e.status === "queued" || e.status === "building";
}

/** How much of the rows is written, 0 to 1; undefined before they are counted. */
export function share(e: Export): number | undefined {
  return e.rows_expected === undefined || e.rows_expected === 0 ? undefined : Math.min(1, e.rows / e.rows_expected);
}

/** A number of bytes for people. */
export function asSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** One line about an export: what it holds and until when it can be had. */
export function told(e: Export): string {
  const parts = [`as of ${asMoment(e.requested_at)}`];
  switch (e.status) {
    case "queued":
      break;
    case "building":
      parts.push(e.rows_expected === undefined ? "counting" : `${asCount(e.rows)} of about ${asCount(e.rows_expected)} rows`);
      break;
    case "ready":
      parts.push(`${asCount(e.rows)} rows`, asSize(e.bytes ?? 0), `here until ${asMoment(e.expires_at)}`);
      break;
    case "failed":
      parts.push(e.failure?.detail ?? "");
      break;
    case "expired":
      parts.push(`${asCount(e.rows)} rows`, "removed");
      break;
  }
  return parts.join(" · ");
}

/** What a screen reader says of the progress: in tenths, so that it is not said all the time. */
export function spoken(e: Export | undefined): string {
  if (e === undefined) return "";
  if (e.status === "ready") return "The export is ready.";
  if (e.status === "failed") return "The export failed.";
  const part = share(e);
  return part === undefined ? "The export is waiting." : `The export is ${Math.floor(part * 10) * 10} percent done.`;
}
