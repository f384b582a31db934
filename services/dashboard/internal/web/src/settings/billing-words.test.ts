import { describe, expect, it } from "vitest";
import { asPrice, limitLines, subscriptionNotice, type Billing } from "./billing-words";

const now = Date.parse("2026-05-10T12:00:00Z");

function billing(subscription: Partial<NonNullable<Billing["subscription"]>>): Billing {
  return {
    enabled: true,
    plan: "pro",
    plan_title: "Pro",
    managed: true,
    offers: [],
    subscription: { status: "active", price: "price_1", period_ends_at: "2026-06-01T00:00:00Z", ends_with_period: false, ...subscription },
  };
}

describe("prices", () => {
  it("reads amounts in the currency's smallest unit", () => {
    expect(asPrice({ id: "p", currency: "eur", amount: 2900, interval: "month", every: 1 }, "en")).toBe("€29.00 a month");
    expect(asPrice({ id: "p", currency: "jpy", amount: 2900, interval: "year", every: 1 }, "en")).toBe("¥2,900 a year");
    expect(asPrice({ id: "p", currency: "huf", amount: 290000, interval: "month", every: 1 }, "en").replace(/\s/g, " ")).toBe("HUF 2,900 a month");
    expect(asPrice({ id: "p", currency: "kwd", amount: 2900, interval: "month", every: 1 }, "en").replace(/\s/g, " ")).toBe("KWD 2.900 a month");
    expect(asPrice({ id: "p", currency: "usd", amount: 5, interval: "month", every: 3 }, "en")).toBe("$0.05 every 3 months");
    expect(asPrice({ id: "p", currency: "usd", interval: "month", every: 1 }, "en")).toBe("by use, a month");
  });
});

describe("limits", () => {
  it("says what has none", () => {
    const lines = limitLines({ products: 1, contexts: 5, retention_months: 3 });
    expect(lines).toContain("1 product");
    expect(lines).toContain("5 contexts");
    expect(lines).toContain("Any number of signals a month");
    expect(lines).toContain("Signals kept for 3 months");
  });
});

describe("the notice of a subscription", () => {
  it("is silent when all is well", () => {
    expect(subscriptionNotice(billing({}), now)).toBeUndefined();
    expect(subscriptionNotice({ ...billing({}), subscription: undefined }, now)).toBeUndefined();
  });
  it("says until when a plan stays without its payment", () => {
    const late = billing({ status: "past_due", past_due_since: "2026-05-08T00:00:00Z", grace_ends_at: "2026-05-15T00:00:00Z" });
    expect(subscriptionNotice(late, now)?.text).toMatch(/stays as it is until/);
    expect(subscriptionNotice(late, now)?.tone).toBe("warn");
    expect(subscriptionNotice(late, Date.parse("2026-05-16T00:00:00Z"))?.text).toMatch(/smaller plan/);
  });
  it("tells a cancellation from a trial", () => {
    expect(subscriptionNotice(billing({ ends_with_period: true }), now)?.text).toMatch(/paid for until/);
    expect(subscriptionNotice(billing({ status: "trialing", trial_ends_at: "2026-05-20T00:00:00Z" }), now)?.text).toMatch(/trial/);
    expect(subscriptionNotice(billing({ status: "unpaid" }), now)?.text).toMatch(/free plan/);
  });
});
