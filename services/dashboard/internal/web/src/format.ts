const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const signedPercent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1, signDisplay: "always" });
const count = new Intl.NumberFormat("en");

export function asPercent(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : percent.format(x);
}

export function asChange(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : signedPercent.format(x);
}

export function asCount(n: number | undefined): string {
  return n === undefined ? "–" : count.format(n);
}

export function asDay(iso: string | undefined): string {
  return iso === undefined ? "–" : new Date(iso).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

export function asMoment(iso: string | undefined): string {
  return iso === undefined
    ? "–"
    : new Date(iso).toLocaleString("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
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
