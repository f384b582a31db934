import type { Schemas } from "../api";
import { asCount, asDay } from "../format";

export type Billing = Schemas["Billing"];
export type PlanPrice = Schemas["PlanPrice"];
export type PlanLimits = Schemas["PlanLimits"];

// How many digits of an amount Stripe means as the smaller unit. Browsers show many currencies, as HUF and IDR, with fewer.
const withoutSmaller = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split(" ");
const withThousandths = "bhd jod kwd omr tnd".split(" ");

function smallerDigits(currency: string): number {
  if (withoutSmaller.includes(currency)) return 0;
  return withThousandths.includes(currency) ? 3 : 2;
}

/** "€29.00 a month"; amounts come in the currency's smallest unit. */
export function asPrice(price: PlanPrice, locale?: string): string {
  const rhythm = price.every === 1 ? `a ${price.interval}` : `every ${price.every} ${price.interval}s`;
  if (price.amount === undefined) return `by use, ${rhythm}`;
  const format = new Intl.NumberFormat(locale, { style: "currency", currency: price.currency.toUpperCase() });
  return `${format.format(price.amount / 10 ** smallerDigits(price.currency))} ${rhythm}`;
}

/** The limits of a plan, one a line. */
export function limitLines(limits: PlanLimits): string[] {
  const line = (n: number | undefined, one: string, many: string) => (n === undefined ? `Any number of ${many}` : `${asCount(n)} ${n === 1 ? one : many}`);
  return [
    line(limits.signals_per_month, "signal a month", "signals a month"),
    line(limits.products, "product", "products"),
    line(limits.contexts, "context", "contexts"),
    line(limits.analyses_per_day, "analysis a day", "analyses a day"),
    line(limits.webhook_endpoints, "webhook endpoint", "webhook endpoints"),
    `Signals kept for ${limits.retention_months} ${limits.retention_months === 1 ? "month" : "months"}`,
  ];
}

export interface Notice {
  tone: "warn" | "neutral";
  text: string;
}

/** What a person has to know of their subscription, in a sentence; nothing when all is well. */
export function subscriptionNotice(billing: Billing, now: number): Notice | undefined {
  const sub = billing.subscription;
  if (sub === undefined) return undefined;
  if (sub.status === "past_due") {
    const over = sub.grace_ends_at !== undefined && Date.parse(sub.grace_ends_at) <= now;
    const since = sub.past_due_since === undefined ? "" : ` since ${asDay(sub.past_due_since)}`;
    const until = sub.grace_ends_at === undefined || over ? "The account is on a smaller plan until it is paid." : `The plan stays as it is until ${asDay(sub.grace_ends_at)}.`;
    return { tone: "warn", text: `A payment is missing${since}. ${until} Pay in the billing portal.` };
  }
  if (sub.status === "unpaid") return { tone: "warn", text: "The last payments failed, so the account is on the free plan. Pay in the billing portal to get the plan back." };
  if (sub.status === "paused") return { tone: "warn", text: "The subscription is paused, so the account is on the free plan. The billing portal resumes it." };
  if (sub.ends_with_period) return { tone: "neutral", text: `The subscription is cancelled. It is paid for until ${asDay(sub.period_ends_at)}.` };
  if (sub.status === "trialing" && sub.trial_ends_at !== undefined) return { tone: "neutral", text: `The trial lasts until ${asDay(sub.trial_ends_at)}.` };
  return undefined;
}
