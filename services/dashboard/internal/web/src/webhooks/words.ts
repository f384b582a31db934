import type { Schemas } from "../api";
import { asCount, asMoment } from "../format";
import type { Tone } from "../parts/ui";

export type Endpoint = Schemas["Endpoint"];
export type Delivery = Schemas["Delivery"];
export type Attempt = Schemas["DeliveryAttempt"];
export type DeliveryStatus = Schemas["DeliveryStatus"];

/** How an endpoint stands: never by colour alone. */
export function endpointState(endpoint: Endpoint): { tone: Tone; words: string; why?: string } {
  switch (endpoint.status) {
    case "enabled":
      return { tone: "good", words: "✓ enabled" };
    case "failing":
      return {
        tone: "warn",
        words: "! failing",
        why: `The last ${asCount(endpoint.consecutive_failures)} attempts failed${endpoint.failing_since === undefined ? "" : `, since ${asMoment(endpoint.failing_since)}`}. Specter keeps trying for about three days.`,
      };
    case "paused":
      return { tone: "neutral", words: "‖ paused", why: "Nothing is sent. What it misses is kept for 30 days and can be recovered." };
    case "disabled":
      return {
        tone: "bad",
        words: "✕ disabled",
        why: `${endpoint.disabled_reason ?? "Specter stopped sending."} Resume it when it works again, then recover what it missed.`,
      };
  }
}

const reasons: Record<string, string> = {
  exhausted: "every attempt of about three days failed",
  gone: "the endpoint answered 410 Gone",
  paused: "the endpoint was paused",
  disabled: "the endpoint was disabled",
  removed: "the endpoint was removed",
};

/** What became of a delivery. */
export function deliveryState(delivery: Delivery): { tone: Tone; words: string; why?: string } {
  const why = delivery.reason === undefined ? undefined : (reasons[delivery.reason] ?? delivery.reason);
  switch (delivery.status) {
    case "delivered":
      return { tone: "good", words: "✓ delivered" };
    case "failed":
      return { tone: "bad", words: "✕ failed", why };
    case "dropped":
      return { tone: "neutral", words: "– not sent", why };
    case "pending":
      if (delivery.next_attempt_at === undefined) return { tone: "accent", words: "… waiting", why: "an earlier event of the same deployment comes first" };
      return { tone: "accent", words: "… pending", why: `next attempt ${asMoment(delivery.next_attempt_at)}` };
  }
}

/** What a receiver said last, in a few words. */
export function lastAnswer(delivery: Delivery): string {
  const last = delivery.log?.at(-1);
  if (last === undefined) return "no attempt yet";
  return last.status_code === undefined ? (last.error ?? "no answer") : `answered ${last.status_code} in ${asCount(last.duration_ms)} ms`;
}

export interface DayCount {
  day: string;
  good: number;
  bad: number;
}

/** The last `days` days up to `now` (UTC), those without deliveries too. */
export function lastDays(endpoint: Endpoint, now: number, days = 14): DayCount[] {
  const known = new Map(endpoint.days.map((day) => [day.day, day]));
  return Array.from({ length: days }, (_, i) => {
    const day = new Date(now - (days - 1 - i) * 86_400_000).toISOString().slice(0, 10);
    const counts = known.get(day);
    return { day, good: counts?.delivered ?? 0, bad: (counts?.failed ?? 0) + (counts?.dropped ?? 0) };
  });
}

/** The share of deliveries that arrived, of those that have ended; undefined without any. */
export function successShare(days: DayCount[]): number | undefined {
  const good = days.reduce((sum, day) => sum + day.good, 0);
  const all = days.reduce((sum, day) => sum + day.good + day.bad, 0);
  return all === 0 ? undefined : good / all;
}
