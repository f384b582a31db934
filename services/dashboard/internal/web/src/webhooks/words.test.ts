import { describe, expect, it } from "vitest";
import { deliveryState, endpointState, lastAnswer, lastDays, successShare, type Delivery, type Endpoint } from "./words";

const endpoint: Endpoint = { id: "e", url: "https://example.com/", description: "", events: ["*"], enabled: true, status: "enabled", created_at: "2026-03-01T00:00:00Z", days: [] };
const delivery: Delivery = { id: "d", event_id: "v", event_type: "proposal.created", status: "pending", attempts: 0, resends: 0, created_at: "2026-03-01T00:00:00Z" };

describe("an endpoint", () => {
  it("says why nothing arrives, and what to do", () => {
    expect(endpointState(endpoint).why).toBeUndefined();
    expect(endpointState({ ...endpoint, status: "disabled", disabled_reason: "The endpoint answered 410 Gone." }).why).toContain("410 Gone. Resume");
    expect(endpointState({ ...endpoint, status: "failing", consecutive_failures: 4, failing_since: "2026-03-01T00:00:00Z" }).why).toContain("last 4 attempts");
    expect(endpointState({ ...endpoint, status: "paused" }).why).toContain("recovered");
  });

  it("has a bar for each day, also for those without deliveries", () => {
    const now = Date.UTC(2026, 2, 14, 12);
    const days = lastDays({ ...endpoint, days: [{ day: "2026-03-13", delivered: 9, pending: 1, failed: 1, dropped: 2 }] }, now);
    expect(days).toHaveLength(14);
    expect(days.at(0)?.day).toBe("2026-03-01");
    expect(days.at(-2)).toEqual({ day: "2026-03-13", good: 9, bad: 3 });
    expect(successShare(days)).toBe(0.75);
    expect(successShare(lastDays(endpoint, now))).toBeUndefined();
  });
});

describe("a delivery", () => {
  it("says what became of it", () => {
    expect(deliveryState({ ...delivery, status: "failed", reason: "exhausted" }).why).toContain("three days");
    expect(deliveryState({ ...delivery, status: "dropped", reason: "something new" }).why).toBe("something new");
    expect(deliveryState(delivery).words).toContain("waiting");
    expect(deliveryState({ ...delivery, next_attempt_at: "2026-03-01T00:00:00Z" }).why).toContain("next attempt");
  });

  it("says what the receiver answered last", () => {
    expect(lastAnswer(delivery)).toBe("no attempt yet");
    expect(lastAnswer({ ...delivery, log: [{ attempt: 1, at: "", duration_ms: 12, status_code: 503 }] })).toBe("answered 503 in 12 ms");
    expect(lastAnswer({ ...delivery, log: [{ attempt: 1, at: "", duration_ms: 12, error: "no answer in time" }] })).toBe("no answer in time");
  });
});
