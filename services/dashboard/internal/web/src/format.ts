const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const signedPercent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1, signDisplay: "always" });
const points = new Intl.NumberFormat("en", { maximumFractionDigits: 1, signDisplay: "exceptZero" });
const factor = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const count = new Intl.NumberFormat("en");

export function asPercent(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : percent.format(x);
}

export function asChange(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : signedPercent.format(x);
}

/** A difference of two ratios in percentage points, signed: "+0.9 points". */
export function asPoints(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : `${points.format(100 * x)} points`;
}

/** A change of odds: "+21%" while percents are readable, "×21.5" beyond a doubling. */
export function asOddsChange(x: number | undefined): string {
  return x !== undefined && Number.isFinite(x) && x >= 1 ? `×${factor.format(1 + x)}` : asChange(x);
}

export function asCount(n: number | undefined): string {
  return n === undefined ? "–" : count.format(n);
}

/** "1 signal", "2,000 signals". */
export function asCounted(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? `1 ${one}` : `${asCount(n)} ${many}`;
}

/** A day, in the person's own zone unless another one is given. */
export function asDay(iso: string | undefined, timeZone?: string): string {
  return iso === undefined ? "–" : new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone });
}

/** A day that begins and ends in UTC, as usage is counted: in the person's own zone it could be the day before. */
export function asUtcDay(iso: string | undefined): string {
  return asDay(iso, "UTC");
}

/** "26 Nov, 15:34" of this year, "26 Nov 2027, 15:34" of another; `now` is a parameter so that the text can be tested. */
export function asMoment(iso: string | undefined, now = Date.now()): string {
  if (iso === undefined) return "–";
  const at = new Date(iso);
  const year = at.getFullYear() === new Date(now).getFullYear() ? undefined : "numeric";
  return at.toLocaleString("en-GB", { day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit" });
}

/** A moment as the evidence and the diagnosis name it: "24 Nov 2026 14:00 UTC". */
export function asUtc(iso: string | number | undefined): string {
  if (iso === undefined || Number.isNaN(new Date(iso).getTime())) return "–";
  const text = new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  return `${text.replace(",", "")} UTC`;
}

/** "3 min ago"; `now` is a parameter so that the text can be tested. */
export function ago(iso: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(iso).getTime()) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function confidenceWord(x: number): string {
  if (x >= 0.85) return "high";
  if (x >= 0.6) return "medium";
  return "low";
}

/** JSON with line breaks; a text that is not JSON stays as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
